import { lostIssue } from "./apply-chain-event.ts";
import { type MoveDeps, moveJob } from "./move-job.ts";
import type { Authority, Clock, InTransaction, Objects, TaskRecords, UploadRecords } from "./ports.ts";

export type SweepDeps = MoveDeps & {
  readonly tasks: TaskRecords;
  readonly uploads: UploadRecords;
  readonly objects: Objects;
  readonly authority: Authority;
  readonly inTransaction: InTransaction;
  readonly now: Clock;
  /** A published replica that nobody began is published again after so long, then twice as long, and so on. */
  readonly republishSeconds: number;
  /** A tie that no third worker comes to break fails the job after so long. */
  readonly tieBreakSeconds: number;
  /** Outputs that nothing names are deleted after so long: the longest task plus a day. */
  readonly orphanSeconds: number;
};

/** Takes back what nobody works on: expired leases, and replicas published long ago that nobody began. */
export const reclaimTasks = ({ inTransaction, tasks, now, republishSeconds }: SweepDeps): Promise<number> =>
  inTransaction((tx) => tasks.reclaim(tx, now(), republishSeconds));

/** Ends jobs whose permit is over by the clock. */
export async function expireJobs(deps: SweepDeps): Promise<void> {
  for (const jobId of await deps.jobs.overdue(deps.now(), 100)) {
    await deps.inTransaction(async (tx) => {
      const job = await deps.jobs.lock(tx, jobId);
      if (!job || deps.now() < job.terms.expiry) return;
      await moveJob(deps, tx, job, "expire", { at: deps.now(), reason: "PERMIT_EXPIRED" });
    });
  }
}

/** Ends paused jobs whose permit's block was replaced for good: its height is final and the permit did not come back. */
export async function dropLostJobs(deps: SweepDeps): Promise<void> {
  const paused = await deps.jobs.paused();
  if (paused.length === 0) return;
  const finalized = await deps.authority.finalizedBlock();
  for (const { jobId, lostAtBlock } of paused) {
    if (lostAtBlock > finalized) continue;
    await deps.inTransaction(async (tx) => {
      const job = await deps.jobs.lock(tx, jobId);
      if (!job?.paused || job.lostAtBlock === undefined || job.lostAtBlock > finalized) return;
      const free = { ...job, paused: false, lostAtBlock: undefined };
      const change = { at: deps.now(), reason: "PERMIT_REORGED_AWAY", stoppedBy: lostIssue };
      const ended = await moveJob(deps, tx, free, "cancel", change);
      if (!ended) await deps.jobs.save(tx, free, job.state);
    });
  }
}

/** Ends jobs whose replicas differ and for which no further worker comes. */
export async function giveUpTies(deps: SweepDeps): Promise<void> {
  for (const { jobId, taskId } of await deps.tasks.stuckTieBreakers(deps.now() - deps.tieBreakSeconds)) {
    await deps.inTransaction(async (tx) => {
      const job = await deps.jobs.lock(tx, jobId);
      if (!job) return;
      const digests = (await deps.tasks.outputs(tx, jobId, taskId)).map((output) => output.digest).sort();
      const facts = { taskId, digests };
      await moveJob(deps, tx, job, "fail", { at: deps.now(), reason: "REPLICA_MISMATCH", facts });
    });
  }
}

/** Deletes stored outputs that no job under way and no result names. @returns how many */
export async function deleteOrphans(deps: SweepDeps): Promise<number> {
  const digests = await deps.uploads.unreferenced(deps.now() - deps.orphanSeconds, 100);
  for (const digest of digests) {
    await deps.objects.remove(digest);
    await deps.uploads.forget(digest);
  }
  return digests.length;
}
