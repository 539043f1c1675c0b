import { setTimeout as delay } from "node:timers/promises";
import { auditChain, auditMoney, auditRows, type Finding } from "../faults/audit.ts";
import { type Ground, keepers } from "./ground.ts";
import { firstDifference, readMirror, type State } from "./state.ts";
import type { Study, StudyJob } from "./study.ts";
import { auditUses } from "./uses.ts";

/** A ground with its study, and all permits that were ever issued on it. */
export type Rehearsal = {
  readonly ground: Ground;
  readonly study: Study;
  readonly jobs: StudyJob[];
  readonly say: (line: string) => void;
};

const others = ["orchestrator", "gateway", "settlement", "worker-1", "worker-2"] as const;
const workers = ["worker-1", "worker-2"] as const;

/** One job to its payment, one that its owner did not release in time, one that was stopped by a revocation. */
export async function runToTheirEnds({ ground, study, jobs, say }: Rehearsal): Promise<void> {
  const lapsing = await study.issue("lapsing", 3);
  const accepted = await study.issue("accepted", 3_600);
  jobs.push(lapsing, accepted);
  await study.until([accepted], ["ACCEPTED"]);
  await study.until([lapsing], ["LAPSED"]);
  await ground.kill(...workers);
  const revoked = await study.issue("revoked", 3_600);
  jobs.push(revoked);
  await study.revoke(revoked);
  await study.until([revoked], ["REFUNDED"]);
  await ground.start(...workers);
  await study.open(accepted);
  say("one job was accepted, one lapsed, one was revoked and refunded");
}

/** Starts jobs and ends every process but the mirror in the middle of them, as a lost site does. */
export async function loseThemHalfWay(
  { ground, study, jobs, say }: Rehearsal,
  count: number,
): Promise<StudyJob[]> {
  await ground.kill(...workers);
  const mine: StudyJob[] = [];
  for (let i = 0; i < count; i++) mine.push(await study.issue("under way", 3_600));
  jobs.push(...mine);
  const states = async () => {
    const rows = await ground.rows<{ state: string }>(
      "SELECT state FROM orchestrator.job WHERE job_id = ANY ($1)",
      [mine.map(({ permitId }) => permitId)],
    );
    return rows.map(({ state }) => state);
  };
  await until(
    "planned",
    async () => (await states()).filter((state) => state === "PLANNED").length === count,
  );
  const started = ground.start(...workers);
  await until("begun", async () => (await states()).some((state) => state !== "PLANNED"));
  await ground.kill("orchestrator", "gateway", "settlement");
  await started.catch(() => {});
  await ground.kill(...workers);
  say(`killed while jobs were ${[...new Set(await states())].sort().join(", ")}`);
  return mine;
}

/** The mirror's state when it has read the chain to its head, and knows what of it is final. */
export async function mirrorAtHead({ study, ground }: Rehearsal): Promise<State> {
  const { client } = study.researcher;
  const head = await client.chain.provider.getBlockNumber();
  const final = (await client.chain.provider.getBlock("finalized"))?.number ?? 0;
  await until("mirrored", async () => {
    const status = await client.services.access.getMirrorStatus({}).catch(() => undefined);
    if (status?.state !== "following") return false;
    return Number(status.confirmedNumber) >= head && Number(status.finalizedNumber) >= final;
  });
  return readMirror(client, ground);
}

/** Drops the services' database, and what was published too if asked; then does what docs/recovery.md says. */
export async function loseDatabases(
  { ground, say }: Rehearsal,
  { logToo }: { logToo: boolean },
): Promise<void> {
  await ground.kill();
  await ground.dropDatabase();
  if (logToo) await ground.log.wipe();
  else await ground.log.forgetConsumers();
  for (const service of keepers) await ground.command(service, "migrate");
  await ground.start("access");
  say(
    `every database was dropped${logToo ? ", the broker's topics deleted" : ""}; the mirror reads the chain`,
  );
}

/** What docs/recovery.md asks for, before any service starts on an empty or a restored database. */
export async function comeBack(ground: Ground): Promise<void> {
  for (const service of keepers) {
    await ground.command(service, "migrate");
    await ground.command(service, "restored");
  }
}

export async function startOthers({ ground }: Rehearsal): Promise<void> {
  await ground.start(...others);
}

/** Every message is consumed, every outbox empty, every intent final: the rules about rows hold. */
export async function quiet({ ground }: Rehearsal): Promise<Finding[]> {
  const limit = performance.now() + 120_000;
  for (;;) {
    const found = await auditRows({ direct: { postgres: ground.databaseUrl } });
    if (found.every(({ ok }) => ok) || performance.now() > limit) return found;
    await delay(300);
  }
}

/** Jobs that had ended before the loss have no task: nobody computed them again. */
export async function notRunAgain({ ground }: Rehearsal, ended: readonly StudyJob[]): Promise<Finding> {
  const rows = await ground.rows<{ job_id: string }>(
    "SELECT DISTINCT job_id FROM orchestrator.task WHERE job_id = ANY ($1)",
    [ended.map(({ permitId }) => permitId)],
  );
  return {
    rule: "no job that had ended was planned again",
    ok: rows.length === 0,
    seen: `${rows.length} of ${ended.length}`,
  };
}

/**
 * Each part of a state, equal to what it was; a log that was confirmed may be final by now, because blocks went on, and
 * never the other way round.
 */
export function compare(before: State, after: State): Finding[] {
  return Object.keys(before).map((part) => {
    const is = after[part] ?? [];
    const was = (before[part] ?? []).map((line, i) =>
      part === "access: mirrored logs" && is[i]?.includes(" finalized ")
        ? line.replace(" confirmed ", " finalized ")
        : line,
    );
    const difference = firstDifference(was, is);
    return {
      rule: `${part} came back equal`,
      ok: difference === undefined && was.length > 0,
      seen: difference ?? `${was.length} equal`,
    };
  });
}

/** Brings every permit to its end, opens each result again, and audits what the chain says of all of them. */
export async function closeTheBooks(rehearsal: Rehearsal): Promise<Finding[]> {
  const { study, jobs } = rehearsal;
  let opened = 0;
  let compared = 0;
  for (const job of jobs) {
    const state = await study.stateOf(job);
    if (state === "REFUNDED") continue;
    compared += await study.open(job);
    opened++;
    if (state === "ACCEPTED") await study.release(job);
  }
  await study.until(jobs, ["RELEASED", "LAPSED", "REFUNDED"]);
  const { client } = study.hospital;
  return [
    {
      rule: "every result opens, and is right",
      ok: opened > 0,
      seen: `${opened} results, ${compared} numbers equal to plain counting`,
    },
    ...(await auditChain(client, jobs)),
    await auditMoney(client, study.accounts),
    await auditUses(client, rehearsal.ground.bucketUrl),
    ...(await quiet(rehearsal)),
  ];
}

export async function until(what: string, isSo: () => Promise<boolean>, limitMs = 120_000): Promise<void> {
  const limit = performance.now() + limitMs;
  while (!(await isSo())) {
    if (performance.now() > limit) throw new Error(`not ${what} after ${limitMs / 1_000} s`);
    await delay(20);
  }
}
