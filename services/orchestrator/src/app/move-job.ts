import { type Job, type ResultRef, stopMove } from "../domain/job.ts";
import { type JobMove, type JobState, nextState, wantsWork } from "../domain/job-state.ts";
import type { Announcer, JobRecords, TaskRecords, Tx } from "./ports.ts";

export type MoveDeps = {
  readonly jobs: JobRecords;
  readonly tasks: Pick<TaskRecords, "requeue">;
  readonly announcer: Announcer;
};

/** What changes in a job beside its state. */
export type JobChange = {
  readonly at: number;
  readonly reason?: string;
  readonly facts?: Readonly<Record<string, unknown>>;
  /** Identity of the log that ends the job. */
  readonly stoppedBy?: string;
  readonly result?: ResultRef;
  readonly posted?: ResultRef | undefined;
};

/**
 * Makes one move of the job state machine on a locked job: state, history and the event that tells others, together.
 * @returns the job after the move, or `undefined` where the table forbids it: then nothing changed
 */
export async function moveJob(
  deps: MoveDeps,
  tx: Tx,
  job: Job,
  move: JobMove,
  change: JobChange,
): Promise<Job | undefined> {
  const state = nextState(job.state, move, job.progress);
  if (state === undefined) return undefined;
  const ended = endsWork(state);
  const moved: Job = {
    ...job,
    state,
    reason: ended ? (change.reason ?? "") : "",
    facts: ended ? (change.facts ?? {}) : {},
    stoppedBy: ended ? change.stoppedBy : undefined,
    result: change.result ?? job.result,
    posted: "posted" in change ? change.posted : job.posted,
    progress: {
      planned: job.progress.planned || state === "PLANNED",
      begun: job.progress.begun || state === "RUNNING",
      reducing: job.progress.reducing || state === "REDUCING",
      completed: job.progress.completed || state === "COMPLETED",
    },
  };
  if (!(await deps.jobs.save(tx, moved, job.state))) throw new Error("a locked job changed");
  await deps.jobs.addTransition(tx, job.jobId, state, change.at);
  // Workers were told that the job's tasks are not wanted, and let go of their messages.
  if (move === "reinstate" && wantsWork(state)) await deps.tasks.requeue(tx, job.jobId, change.at);
  await announce(deps.announcer, tx, moved, move);
  return moved;
}

const endsWork = (state: JobState): boolean =>
  state === "REJECTED" || state === "FAILED" || state === "CANCELLED" || state === "EXPIRED";

async function announce(announcer: Announcer, tx: Tx, job: Job, move: JobMove): Promise<void> {
  switch (job.state) {
    case "REJECTED":
      return announcer.jobEnded(tx, job.jobId, "jobRejected", job.reason);
    case "FAILED":
      return announcer.jobEnded(tx, job.jobId, "jobFailed", job.reason);
    case "CANCELLED":
    case "EXPIRED":
      return announcer.jobEnded(tx, job.jobId, "jobCancelled", job.reason);
    case "COMPLETED":
      // A retracted posting is the sender's to repeat; a job that was stopped and is not any more must be told anew.
      if (job.result && move !== "uncommit") await announcer.jobCompleted(tx, job.jobId, job.result);
      return;
    default:
      return;
  }
}

/** Ends the job if a log that stands says so; the first that applies, in the order of their keys. */
export async function applyStops(deps: MoveDeps, tx: Tx, job: Job, at: number): Promise<Job> {
  for (const stop of await deps.jobs.stops(tx, job.jobId)) {
    const { reason, logKey } = stop;
    const moved = await moveJob(deps, tx, job, stopMove(job.state, stop.end), {
      at,
      reason,
      stoppedBy: logKey,
    });
    if (moved) return moved;
  }
  return job;
}
