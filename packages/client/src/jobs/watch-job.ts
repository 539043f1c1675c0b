import { setTimeout as delay } from "node:timers/promises";
import { type Job, JobState } from "@cos/proto/compute";
import type { CosClient } from "../cos-client.ts";
import { CosFailure } from "../failure.ts";
import type { Account } from "../keystore/account.ts";
import { toBytes, toHex } from "../wire/hex.ts";
import { orFail, rpcFailure } from "../wire/rpc-failure.ts";

export type JobView = {
  readonly jobId: string;
  /** `PERMITTED`, `RUNNING`, … */
  readonly state: string;
  readonly reason: string;
  /** Clause of the grant that the reason rests on; 0 for none. */
  readonly clause: number;
  readonly tasksDone: number;
  readonly tasksTotal: number;
  readonly datasetIds: readonly string[];
  readonly algorithmId: string;
  readonly planDigest: string;
  readonly resultCommitment: string;
  readonly resultUri: string;
  readonly bytesRead: number;
  readonly computeSeconds: number;
  readonly transitions: readonly { state: string; at: string }[];
};

const names = new Map(Object.entries(JobState).map(([name, value]) => [value as number, name]));
const stateName = (state: number): string => (names.get(state) ?? `STATE_${state}`).replace("JOB_STATE_", "");

function clauseOf(factsJson: string): number {
  try {
    const { clause } = JSON.parse(factsJson) as { clause?: unknown };
    return typeof clause === "number" ? clause : 0;
  } catch {
    return 0;
  }
}

/** States in which nothing more happens to a job by itself, or what happens is the owner's turn. */
const ends = new Set(["SETTLED", "REJECTED", "FAILED", "CANCELLED", "EXPIRED"]);
export const isOver = (state: string): boolean => ends.has(state);

export const toJobView = (job: Job): JobView => ({
  jobId: toHex(job.jobId),
  state: stateName(job.state),
  reason: job.reason,
  clause: clauseOf(job.factsJson),
  tasksDone: job.tasksDone,
  tasksTotal: job.tasksTotal,
  datasetIds: job.datasetIds,
  algorithmId: toHex(job.algorithmId),
  planDigest: toHex(job.planDigest),
  resultCommitment: toHex(job.resultCommitment),
  resultUri: job.resultUri,
  bytesRead: Number(job.bytesRead),
  computeSeconds: job.computeSeconds,
  transitions: job.transitions.map((t) => ({
    state: stateName(t.state),
    at: t.at?.toISOString() ?? "",
  })),
});

/**
 * The job now and after every change, until `until` says so or it is over. A job that is not mirrored yet is waited
 * for; a broken stream is opened again.
 *
 * @param timeoutMs gives up with JOB_TIMEOUT when nothing changes for so long
 */
export async function* watchJob(
  client: CosClient,
  account: Account,
  jobId: string,
  { until = isOver, timeoutMs = 600_000 }: { until?: (state: string) => boolean; timeoutMs?: number } = {},
): AsyncGenerator<JobView> {
  const session = client.session(account);
  let last = "";
  let changedAt = Date.now();
  for (;;) {
    const stop = new AbortController();
    const guard = setTimeout(() => stop.abort(), timeoutMs);
    try {
      const call = { ...(await session.metadata()), signal: stop.signal };
      for await (const { job } of client.services.jobs.watchJob({ jobId: toBytes(jobId) }, call)) {
        if (job === undefined) continue;
        const view = toJobView(job);
        const text = JSON.stringify(view);
        if (text !== last) {
          last = text;
          changedAt = Date.now();
          yield view;
        }
        if (until(view.state) || isOver(view.state)) return;
      }
    } catch (cause) {
      const failure = rpcFailure(cause);
      const patient =
        failure instanceof CosFailure && (failure.kind === "not-found" || failure.kind === "unavailable");
      if (!patient) throw failure;
      if (Date.now() - changedAt > Math.min(timeoutMs, failure.kind === "not-found" ? 30_000 : timeoutMs)) {
        throw failure;
      }
    } finally {
      clearTimeout(guard);
    }
    if (Date.now() - changedAt > timeoutMs) {
      throw new CosFailure("unavailable", "JOB_TIMEOUT", "the job did not change for a long time", {
        facts: { jobId },
        hint: "see `cos doctor` and `cos job watch` later; the permit is refunded when it expires",
      });
    }
    await delay(200);
  }
}

/** Waits until a job reaches a state; throws what went wrong when it ends otherwise. */
export async function waitForJob(
  client: CosClient,
  account: Account,
  jobId: string,
  wanted: "COMPLETED" | "COMMITTED" | "SETTLED",
  onChange?: (job: JobView) => void,
  timeoutMs?: number,
): Promise<JobView> {
  const order = ["COMPLETED", "COMMITTED", "SETTLED"];
  const reached = (state: string): boolean => order.indexOf(state) >= order.indexOf(wanted);
  let last: JobView | undefined;
  const options = { until: reached, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
  for await (const job of watchJob(client, account, jobId, options)) {
    last = job;
    onChange?.(job);
  }
  if (last !== undefined && reached(last.state)) return last;
  throw jobFailure(last, jobId);
}

const jobFailure = (job: JobView | undefined, jobId: string): CosFailure =>
  new CosFailure(
    "refused",
    job?.reason || `JOB_${job?.state ?? "UNKNOWN"}`,
    `the job ended as ${job?.state ?? "unknown"}${job?.reason ? `: ${job.reason}` : ""}`,
    {
      facts: { jobId },
      ...(job !== undefined && job.clause > 0 ? { clause: job.clause } : {}),
      hint: "the fee went back by the permit's terms; `cos audit` shows it",
    },
  );

/** The account's jobs, newest first: as grantee, or all of a dataset that it owns. */
export async function listJobs(client: CosClient, account: Account, datasetId = ""): Promise<JobView[]> {
  const session = client.session(account);
  const answer = await orFail(
    client.services.jobs.listJobs({ datasetId, pageSize: 0 }, await session.metadata()),
  );
  return answer.jobs.map(toJobView);
}

/** One job. @throws NOT_FOUND */
export async function getJob(client: CosClient, account: Account, jobId: string): Promise<JobView> {
  const session = client.session(account);
  const answer = await orFail(
    client.services.jobs.getJob({ jobId: toBytes(jobId) }, await session.metadata()),
  );
  if (answer.job === undefined) throw new CosFailure("not-found", "NOT_FOUND", "there is no such job");
  return toJobView(answer.job);
}
