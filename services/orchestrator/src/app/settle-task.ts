import type { Digest, JobId } from "@cos/protocol";
import { decideReplicas } from "../domain/decide-replicas.ts";
import type { Job } from "../domain/job.ts";
import { type MoveDeps, moveJob } from "./move-job.ts";
import type { Clock, InTransaction, TaskRecords, Tx } from "./ports.ts";

export type SettleTaskDeps = MoveDeps & { readonly tasks: TaskRecords; readonly now: Clock };

/**
 * Compares the replicas of a task that are done, and moves its locked job on when they decide. Doing it again changes
 * nothing, so it is also how a job that was stopped and reinstated catches up.
 */
export async function settleTask(deps: SettleTaskDeps, tx: Tx, job: Job, taskId: Digest): Promise<void> {
  const { jobId } = job;
  const { tasks } = deps;
  const task = await tasks.find(tx, jobId, taskId);
  if (!task || task.output) return;
  const outputs = await tasks.outputs(tx, jobId, taskId);
  const verdict = decideReplicas(outputs, job.wanted);
  switch (verdict.verdict) {
    case "PENDING":
      return;
    case "TIE_BREAK": {
      // A slot that is open already, a straggler's or its rival's, breaks the tie as well as another.
      const slots = await tasks.slots(tx, jobId, taskId);
      if (slots.every((slot) => slot.state === "DONE")) await tasks.addSlot(tx, jobId, taskId, false);
      return tasks.markTied(tx, jobId, taskId, deps.now());
    }
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

async function openReduce(deps: SettleTaskDeps, tx: Tx, job: Job): Promise<void> {
  const moved = await moveJob(deps, tx, job, "reduce", { at: deps.now() });
  if (moved) await deps.tasks.openStage(tx, job.jobId, 1, job.wanted);
}

/** Moves a job on whose tasks have all come in while it could not move: it was stopped then, and is not any more. */
export async function catchUp(
  deps: SettleTaskDeps & { readonly inTransaction: InTransaction },
  jobId: JobId,
): Promise<void> {
  await deps.inTransaction(async (tx) => {
    for (const { taskId } of await deps.tasks.ofJob(tx, jobId)) {
      const job = await deps.jobs.lock(tx, jobId);
      if (job) await settleTask(deps, tx, job, taskId);
    }
    const job = await deps.jobs.lock(tx, jobId);
    if (job && (await deps.tasks.unsettled(tx, jobId, 0)) === 0) await openReduce(deps, tx, job);
  });
}
