import { err, type JobId, ok, type Result } from "@cos/protocol";
import { wantsWork } from "../domain/job-state.ts";
import type { StaleFence } from "./lock-lease.ts";
import type { Clock, InTransaction, JobRecords, TaskRecords } from "./ports.ts";

export type KeepTaskDeps = {
  readonly jobs: JobRecords;
  readonly tasks: TaskRecords;
  readonly inTransaction: InTransaction;
  readonly now: Clock;
  readonly leaseSeconds: number;
  /** Calls when a task of the job may have become unwanted; answers how to stop listening. */
  readonly onUnwanted: (jobId: JobId, unwanted: () => void) => () => void;
};

export type Kept = { readonly wanted: boolean; readonly leaseUntil: number };

/**
 * Keeps a lease for another `leaseSeconds`, and says whether the task is still wanted. The answer waits until it is not
 * any more, up to `waitMs`: a worker hears of a revocation as soon as this process does.
 * @param gone aborts when the caller no longer waits
 * @errors `STALE_FENCE`
 */
export async function keepTask(
  deps: KeepTaskDeps,
  fence: bigint,
  { waitMs, gone }: { readonly waitMs: number; readonly gone: AbortSignal },
): Promise<Result<Kept, StaleFence>> {
  let kept = await keep(deps, fence);
  if (!kept.ok || waitMs === 0) return kept;
  const until = performance.now() + waitMs;
  let { promise: woken, resolve: wake } = Promise.withResolvers<void>();
  const unlisten = deps.onUnwanted(kept.value.jobId, () => wake());
  const cancel = () => wake();
  gone.addEventListener("abort", cancel, { once: true });
  try {
    while (kept.ok && kept.value.wanted && !gone.aborted && performance.now() < until) {
      const timer = setTimeout(wake, until - performance.now());
      await woken;
      clearTimeout(timer);
      ({ promise: woken, resolve: wake } = Promise.withResolvers<void>());
      kept = await keep(deps, fence);
    }
    return kept;
  } finally {
    unlisten();
    gone.removeEventListener("abort", cancel);
  }
}

const keep = (deps: KeepTaskDeps, fence: bigint): Promise<Result<Kept & { jobId: JobId }, StaleFence>> =>
  deps.inTransaction(async (tx) => {
    const lease = await deps.tasks.byFence(tx, fence);
    if (lease?.state !== "RUNNING") return err({ code: "STALE_FENCE", fence });
    const job = await deps.jobs.find(lease.jobId, tx);
    const task = await deps.tasks.find(tx, lease.jobId, lease.taskId);
    const leaseUntil = deps.now() + deps.leaseSeconds;
    const wanted = job !== undefined && wantsWork(job.state) && task !== undefined && !task.output;
    if (wanted) await deps.tasks.extend(tx, fence, leaseUntil);
    return ok({ wanted, leaseUntil, jobId: lease.jobId });
  });
