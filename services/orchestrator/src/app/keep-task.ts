import { err, ok, type Result } from "@cos/protocol";
import { wantsWork } from "../domain/job-state.ts";
import type { StaleFence } from "./lock-lease.ts";
import type { Clock, InTransaction, JobRecords, TaskRecords } from "./ports.ts";

export type KeepTaskDeps = {
  readonly jobs: JobRecords;
  readonly tasks: TaskRecords;
  readonly inTransaction: InTransaction;
  readonly now: Clock;
  readonly leaseSeconds: number;
};

/** Keeps a lease for another `leaseSeconds`, and says whether the task is still wanted. @errors `STALE_FENCE` */
export async function keepTask(
  deps: KeepTaskDeps,
  fence: bigint,
): Promise<Result<{ wanted: boolean; leaseUntil: number }, StaleFence>> {
  return deps.inTransaction(async (tx) => {
    const lease = await deps.tasks.byFence(tx, fence);
    if (lease?.state !== "RUNNING") return err({ code: "STALE_FENCE", fence });
    const job = await deps.jobs.find(lease.jobId, tx);
    const task = await deps.tasks.find(tx, lease.jobId, lease.taskId);
    const leaseUntil = deps.now() + deps.leaseSeconds;
    const wanted = job !== undefined && wantsWork(job.state) && task !== undefined && !task.output;
    if (wanted) await deps.tasks.extend(tx, fence, leaseUntil);
    return ok({ wanted, leaseUntil });
  });
}
