import { err, ok, type Result, recoverTaskAttestation } from "@cos/protocol";
import { lockLease, type StaleFence } from "./lock-lease.ts";
import type { MoveDeps } from "./move-job.ts";
import type { Clock, Completion, InTransaction, Objects, TaskRecords } from "./ports.ts";
import { settleTask } from "./settle-task.ts";

export type CompleteTaskDeps = MoveDeps & {
  readonly tasks: TaskRecords;
  readonly objects: Objects;
  readonly inTransaction: InTransaction;
  readonly now: Clock;
  readonly chainId: bigint;
};

export type CompleteTaskError =
  | StaleFence
  /** The signature is not the leasing worker's over permit, task and output. */
  | { code: "BAD_ATTESTATION" }
  /** No object of that digest and size is stored. */
  | { code: "OUTPUT_NOT_STORED" }
  /** The replica is complete with another output. */
  | { code: "COMPLETED_OTHERWISE" };

/**
 * Counts a replica's output, by compare-and-set on its fence, and moves the job on when that settles the task.
 * @returns whether it counted: false when this very completion, or the whole job, was over already
 */
export async function completeTask(
  deps: CompleteTaskDeps,
  fence: bigint,
  completion: Completion,
): Promise<Result<boolean, CompleteTaskError>> {
  if ((await deps.objects.sizeOf(completion.digest)) !== completion.sizeBytes) {
    return err({ code: "OUTPUT_NOT_STORED" });
  }
  return deps.inTransaction(async (tx): Promise<Result<boolean, CompleteTaskError>> => {
    const held = await lockLease(deps, tx, fence);
    if (!held.ok) return held;
    const { job, lease } = held.value;
    const { jobId, taskId } = lease;
    const outputDigest = completion.digest;
    const signer = recoverTaskAttestation(
      deps.chainId,
      { permitId: jobId, taskId, outputDigest },
      completion.signature,
    );
    if (signer !== lease.worker) return err({ code: "BAD_ATTESTATION" });
    if (lease.state === "DONE") {
      return lease.output === outputDigest ? ok(false) : err({ code: "COMPLETED_OTHERWISE" });
    }
    await deps.tasks.complete(tx, fence, completion, deps.now());
    await settleTask(deps, tx, job, taskId);
    deps.jobs.changed(tx, jobId);
    return ok(true);
  });
}
