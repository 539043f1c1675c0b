import { err, ok, type Result, recoverTaskAttestation } from "@cos/protocol";
import { decideReplicas } from "../domain/decide-replicas.ts";
import type { Job } from "../domain/job.ts";
import { lockLease, type StaleFence } from "./lock-lease.ts";
import { type MoveDeps, moveJob } from "./move-job.ts";
import type { Clock, Completion, InTransaction, Lease, Objects, TaskRecords, Tx } from "./ports.ts";

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
    await deps.tasks.complete(tx, fence, completion);
    await settleTask(deps, tx, job, lease);
    deps.jobs.changed(tx, jobId);
    return ok(true);
  });
}

/** Compares the replicas that are done, and moves the job on when they decide. */
async function settleTask(deps: CompleteTaskDeps, tx: Tx, job: Job, { taskId }: Lease): Promise<void> {
  const { jobId } = job;
  const { tasks } = deps;
  const task = await tasks.find(tx, jobId, taskId);
  if (!task || task.output) return;
  const outputs = await tasks.outputs(tx, jobId, taskId);
  const verdict = decideReplicas(outputs, job.wanted);
  switch (verdict.verdict) {
    case "PENDING":
      return;
    case "TIE_BREAK":
      return tasks.addReplica(tx, { jobId, taskId, replica: job.wanted });
    case "MISMATCH":
      await moveJob(deps, tx, job, "fail", {
        at: deps.now(),
        reason: "REPLICA_MISMATCH",
        facts: { taskId, digests: verdict.digests },
      });
      return;
    case "AGREED": {
      const agreed = outputs.find((output) => output.digest === verdict.digest);
      if (agreed) await tasks.settle(tx, jobId, taskId, agreed);
      if (task.stage === 0 && (await tasks.unsettled(tx, jobId, 0)) === 0) await openReduce(deps, tx, job);
    }
  }
}

async function openReduce(deps: CompleteTaskDeps, tx: Tx, job: Job): Promise<void> {
  const moved = await moveJob(deps, tx, job, "reduce", { at: deps.now() });
  if (moved) await deps.tasks.openStage(tx, job.jobId, 1, job.wanted);
}
