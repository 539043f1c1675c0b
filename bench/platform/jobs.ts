import { setTimeout as delay } from "node:timers/promises";
import { jobPermitsAbi } from "@cos/chain";
import type { Authorisation, PermitDraft } from "@cos/client";
import { Contract } from "ethers";
import pg from "pg";
import { type BlockClock, startBlockClock } from "./block-clock.ts";
import { percentile, type Report } from "./report.ts";
import type { Stage } from "./stage.ts";

export type JobsOptions = {
  readonly workers: readonly number[];
  readonly replicas: readonly number[];
  /** Jobs that come one by one, for the overhead. */
  readonly single: number;
  /** Jobs that are there at once, for the jobs per minute. */
  readonly together: number;
};

type Ready = { readonly draft: PermitDraft; readonly authorisation: Authorisation };

const cores = 2;
const limitMs = 240_000;

/**
 * Runs jobs by one, two, four workers. Overhead: from the block with the permit to the block with the result, both as
 * they are first seen, less the seconds that the busiest worker computed in each stage.
 */
export async function benchJobs(stage: Stage, report: Report, options: JobsOptions): Promise<void> {
  const { client } = stage.researcher;
  const clock = await startBlockClock(stage.provider, client.chain.addressOf("JobPermits"));
  const database = new pg.Client({ connectionString: stage.parts.postgres });
  await database.connect();
  try {
    const send = await sender(stage);
    for (const workers of options.workers) {
      await onlyWorkers(stage, workers);
      for (const replicas of options.replicas) {
        const label = `${workers} worker${workers > 1 ? "s" : ""}, ${replicas} replica${replicas > 1 ? "s" : ""}`;
        const warm = await prepare(stage, 1, replicas);
        await clock.untilResults(await sendAll(send, warm), limitMs);
        const idle = await oneByOne({ stage, clock, database, send }, options.single, replicas);
        const overheads = idle.map(({ overhead }) => overhead);
        for (const [name, share, aim] of [
          ["p50", 0.5, "< 2"],
          ["p95", 0.95, ""],
          ["p99", 0.99, "< 4"],
        ] as const) {
          report.add({
            what: `job overhead ${name}, ${label}`,
            value: percentile(overheads, share),
            unit: "s",
            against: "one block, the earliest that a result can be in",
            ceiling: 1,
            aim,
          });
        }
        const computed = idle.reduce((sum, job) => sum + job.allSeconds, 0) / idle.length;
        const ready = await prepare(stage, options.together, replicas);
        const ids = await sendAll(send, ready);
        await clock.untilResults(ids, limitMs);
        const lives = ids.map((id) => clock.lives.get(id));
        const from = Math.min(...lives.map((life) => life?.issuedMs ?? Number.NaN));
        const to = Math.max(...lives.map((life) => life?.resultMs ?? Number.NaN));
        report.add({
          what: `jobs per minute, ${options.together} at once, ${label}`,
          value: (60_000 * ids.length) / (to - from),
          unit: "jobs/min",
          against: "computing alone, on as many cores as there are workers and cores",
          ceiling: (60 * Math.min(workers, cores)) / computed,
        });
        report.details[`jobs, ${label}`] = { overheads, computeSecondsPerJob: computed };
      }
    }
  } finally {
    await clock.stop();
    await database.end();
  }
}

/** Starts the first `count` workers and stops the others. */
async function onlyWorkers({ fleet }: Stage, count: number): Promise<void> {
  const workers = [...fleet.processes.values()].filter(({ name }) => name.startsWith("worker"));
  await Promise.all(workers.map((worker, at) => (at < count ? worker.start() : worker.stop())));
}

/** Permits that only need to be sent. */
async function prepare(
  { scene, datasetId, grantId, trait }: Stage,
  count: number,
  replicas: number,
): Promise<Ready[]> {
  const ready: Ready[] = [];
  while (ready.length < count) {
    const draft = await scene.draft(datasetId, grantId, trait, { replicas, validSeconds: 3_600 });
    ready.push({ draft, authorisation: await scene.sign(draft, datasetId) });
  }
  return ready;
}

type Send = (ready: Ready) => Promise<string>;

/** Sends permits without waiting for their blocks. */
async function sender({ researcher, provider }: Stage): Promise<Send> {
  const { client, account } = researcher;
  const wallet = account.wallet.connect(provider);
  const permits = new Contract(client.chain.addressOf("JobPermits"), jobPermitsAbi, wallet);
  let nonce = await provider.getTransactionCount(account.address);
  return async ({ draft, authorisation }) => {
    const free = { type: 0, gasPrice: 0n, gasLimit: 1_200_000n, nonce: nonce++ };
    const { deadline, signature } = authorisation;
    await permits.getFunction("issueJobPermit").send(draft.terms, draft.nonce, deadline, [signature], free);
    return draft.permitId;
  };
}

async function sendAll(send: Send, ready: readonly Ready[]): Promise<string[]> {
  const ids: string[] = [];
  for (const one of ready) ids.push(await send(one));
  return ids;
}

type Measured = { readonly overhead: number; readonly allSeconds: number };

/** Jobs that have the platform to themselves, at moments that have nothing to do with the blocks'. */
async function oneByOne(
  on: { stage: Stage; clock: BlockClock; database: pg.Client; send: Send },
  count: number,
  replicas: number,
): Promise<Measured[]> {
  const { stage, clock, database, send } = on;
  const measured: Measured[] = [];
  for (const one of await prepare(stage, count, replicas)) {
    await delay(((measured.length * 379) % 1_000) * 0.3);
    const permitId = await send(one);
    await clock.untilResults([permitId], limitMs);
    const { issuedMs = Number.NaN, resultMs = Number.NaN } = clock.lives.get(permitId) ?? {};
    const { path, all } = await computeSeconds(database, permitId);
    measured.push({ overhead: (resultMs - issuedMs) / 1_000 - path, allSeconds: all });
  }
  return measured;
}

/** `path`: what the busiest worker (of one thread) computed in each stage, one stage after the other. `all`: by all workers. */
async function computeSeconds(database: pg.Client, permitId: string): Promise<{ path: number; all: number }> {
  const { rows } = await database.query<{ longest: number; together: number }>(
    `SELECT max(seconds) AS longest, sum(seconds) AS together FROM (
       SELECT stage, sum(compute_seconds) AS seconds
       FROM orchestrator.replica JOIN orchestrator.task USING (job_id, task_id)
       WHERE job_id = $1 GROUP BY stage, worker) AS by_worker
     GROUP BY stage`,
    [permitId],
  );
  return {
    path: rows.reduce((sum, { longest }) => sum + longest, 0),
    all: rows.reduce((sum, { together }) => sum + together, 0),
  };
}
