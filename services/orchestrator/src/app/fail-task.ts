import { err, ok, type Result } from "@cos/protocol";
import { decideFailure } from "../domain/decide-failure.ts";
import { lockLease, type StaleFence } from "./lock-lease.ts";
import { type MoveDeps, moveJob } from "./move-job.ts";
import type { Clock, InTransaction, TaskRecords, WorkerRecords } from "./ports.ts";

export type FailTaskDeps = MoveDeps & {
  readonly tasks: TaskRecords;
  readonly workers: WorkerRecords;
  readonly inTransaction: InTransaction;
  readonly now: Clock;
  readonly workerForgottenSeconds: number;
  readonly maxTaskAttempts: number;
};

/** Takes a task back from a worker that gives it up; ends the job when trying again is pointless. @errors `STALE_FENCE` */
export async function failTask(
  deps: FailTaskDeps,
  { fence, code, retryable }: { fence: bigint; code: string; retryable: boolean },
): Promise<Result<null, StaleFence>> {
  return deps.inTransaction(async (tx) => {
    const { tasks, workers } = deps;
    const held = await lockLease(deps, tx, fence);
    if (!held.ok) return held;
    const { job, lease } = held.value;
    if (lease.state === "DONE") return err({ code: "STALE_FENCE", fence });
    const { jobId, taskId } = lease;
    const at = deps.now();
    await tasks.addFailure(tx, lease, fence, { code, retryable, at });
    const failures = await tasks.failures(tx, jobId, taskId);
    const known = await workers.known(tx, job.region, at - deps.workerForgottenSeconds);
    const decided = decideFailure(failures, known.length, deps.maxTaskAttempts);
    if (decided.decision === "RETRY") {
      await tasks.release(tx, lease, at + decided.afterSeconds);
      return ok(null);
    }
    await tasks.release(tx, lease, at);
    await moveJob(deps, tx, job, "fail", { at, reason: decided.code, facts: { taskId } });
    return ok(null);
  });
}
