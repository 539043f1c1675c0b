import { decideFailure } from "../domain/decide-failure.ts";
import type { Job } from "../domain/job.ts";
import { type MoveDeps, moveJob } from "./move-job.ts";
import type { Clock, Lease, TaskRecords, Tx, WorkerRecords } from "./ports.ts";

export type GiveBackDeps = MoveDeps & {
  readonly tasks: TaskRecords;
  readonly workers: WorkerRecords;
  readonly now: Clock;
  readonly workerForgottenSeconds: number;
  readonly maxTaskAttempts: number;
  readonly outageSeconds: number;
};

/** Takes a lease of a locked job back after a failure; ends the job when trying again is pointless. */
export async function giveBack(
  deps: GiveBackDeps,
  tx: Tx,
  job: Job,
  lease: Lease & { readonly fence: bigint },
  failure: { readonly code: string; readonly retryable: boolean },
): Promise<void> {
  const { tasks, workers } = deps;
  const { jobId, taskId } = lease;
  const at = deps.now();
  await tasks.addFailure(tx, lease, lease.fence, { ...failure, at });
  const known = await workers.known(tx, job.region, at - deps.workerForgottenSeconds);
  const decided = decideFailure(await tasks.failures(tx, jobId, taskId), {
    knownWorkers: known.length,
    maxAttempts: deps.maxTaskAttempts,
    outageSeconds: deps.outageSeconds,
  });
  await tasks.release(tx, lease, decided.decision === "RETRY" ? at + decided.afterSeconds : at);
  if (decided.decision === "GIVE_UP") {
    await moveJob(deps, tx, job, "fail", { at, reason: decided.code, facts: { taskId } });
  }
}
