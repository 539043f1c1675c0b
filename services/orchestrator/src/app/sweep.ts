import { workerLost } from "../domain/decide-failure.ts";
import { isStraggler, racesAllowed } from "../domain/is-straggler.ts";
import { wantsWork } from "../domain/job-state.ts";
import { lostIssue } from "./apply-chain-event.ts";
import { type GiveBackDeps, giveBack } from "./give-back.ts";
import { moveJob } from "./move-job.ts";
import type { Authority, InTransaction, Objects, ReplicaKey, UploadRecords } from "./ports.ts";

export type SweepDeps = GiveBackDeps & {
  readonly uploads: UploadRecords;
  readonly objects: Objects;
  readonly authority: Authority;
  readonly inTransaction: InTransaction;
  readonly leaseSeconds: number;
  /** A task that runs this many times longer than its like is raced by another worker, but not before `stragglerSeconds`. */
  readonly stragglerFactor: number;
  readonly stragglerSeconds: number;
  /** Passes over one polynomial that a worker makes in a second: the unit of a task's cost. */
  readonly passesPerSecond: number;
  /** A published replica that nobody began is published again after so long, then twice as long, and so on. */
  readonly republishSeconds: number;
  /** A tie that no third worker comes to break fails the job after so long. */
  readonly tieBreakSeconds: number;
  /** Outputs that nothing names are deleted after so long: the longest task plus a day. */
  readonly orphanSeconds: number;
};

/**
 * Takes back what nobody works on: expired leases, whose workers are lost, and replicas published long ago that nobody
 * began. @returns how many
 */
export async function reclaimTasks(deps: SweepDeps): Promise<number> {
  const { tasks, now, republishSeconds } = deps;
  let reclaimed = 0;
  for (const jobId of await tasks.neglected(now(), republishSeconds, 100)) {
    reclaimed += await deps.inTransaction(async (tx) => {
      let job = await deps.jobs.lock(tx, jobId);
      if (!job || job.paused) return 0;
      if (!wantsWork(job.state)) {
        await tasks.endLeases(tx, jobId, now());
        return 0;
      }
      const unanswered = await tasks.requeueUnanswered(tx, jobId, now(), republishSeconds);
      const lost = await tasks.lostLeases(tx, jobId, now());
      for (const lease of lost) {
        // A task that is given up ends the job; what else was lost then needs nobody.
        if (!job || !wantsWork(job.state)) break;
        await giveBack(deps, tx, job, lease, { code: workerLost, retryable: true });
        job = await deps.jobs.lock(tx, jobId);
      }
      return unanswered + lost.length;
    });
  }
  return reclaimed;
}

/**
 * Gives every lease its full time again after a time in which no orchestrator could hear a heartbeat: that workers were
 * not heard then is not their fault, nor their tasks'.
 * @param awaySeconds longer than this since any sweeper's last sweep was such a time; `undefined`: there was none
 */
export async function forgiveSilence(deps: SweepDeps, awaySeconds: number | undefined): Promise<number> {
  return deps.inTransaction(async (tx) => {
    const last = await deps.tasks.swept(tx, deps.now());
    const away = awaySeconds !== undefined && last > 0 && deps.now() - last > awaySeconds;
    return away ? deps.tasks.extendAll(tx, deps.now() + deps.leaseSeconds) : 0;
  });
}

/** Lets another worker try what one has run for far too long; the first to finish counts. @returns how many */
export async function raceStragglers(deps: SweepDeps): Promise<number> {
  const { tasks, now } = deps;
  let added = 0;
  for (const replica of await tasks.running(now() - deps.stragglerSeconds, now())) {
    const slow = isStraggler({
      elapsedSeconds: now() - replica.begunAt,
      cost: replica.cost,
      medianPace: replica.medianPace,
      plannedPace: 1 / deps.passesPerSecond,
      factor: deps.stragglerFactor,
      minSeconds: deps.stragglerSeconds,
    });
    if (!slow || !(await race(deps, replica))) continue;
    added += 1;
  }
  return added;
}

async function race(deps: SweepDeps, { jobId, taskId, replica }: ReplicaKey): Promise<boolean> {
  const { tasks, workers, now } = deps;
  return deps.inTransaction(async (tx) => {
    const job = await deps.jobs.lock(tx, jobId);
    if (!job || job.paused || !wantsWork(job.state)) return false;
    const task = await tasks.find(tx, jobId, taskId);
    const slots = await tasks.slots(tx, jobId, taskId);
    const straggler = slots.find((slot) => slot.replica === replica);
    // More slots than wanted: raced already, or a tie is being broken.
    if (task?.output || straggler?.state !== "RUNNING" || slots.length > job.wanted) return false;
    const { running, racing } = await tasks.races(tx, jobId);
    if (racing >= racesAllowed(running)) return false;
    const busy = new Set(slots.map((slot) => slot.worker));
    const known = await workers.known(tx, job.region, now() - deps.workerForgottenSeconds);
    if (known.every((worker) => busy.has(worker))) return false;
    await tasks.addSlot(tx, jobId, taskId, true);
    return true;
  });
}

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
  for (const { jobId, taskId } of await deps.tasks.stuckTies(deps.now() - deps.tieBreakSeconds)) {
    await deps.inTransaction(async (tx) => {
      const job = await deps.jobs.lock(tx, jobId);
      if (!job || (await deps.tasks.find(tx, jobId, taskId))?.output) return;
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
