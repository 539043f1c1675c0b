import { assertNever } from "@cos/protocol";

/** Where a job is. The order is the order of a job's life; the last five are ends. */
export const jobStates = [
  "PERMITTED",
  "PLANNED",
  "RUNNING",
  "REDUCING",
  "COMPLETED",
  "COMMITTED",
  "SETTLED",
  "REJECTED",
  "FAILED",
  "CANCELLED",
  "EXPIRED",
] as const;
export type JobState = (typeof jobStates)[number];

/** Stands for "the state that the stored work has reached", see {@link reachedState}. */
export const reached = "REACHED";

type Row = {
  readonly from: readonly JobState[];
  readonly to: JobState | typeof reached;
  readonly why: string;
};

const beforeCommit = ["PERMITTED", "PLANNED", "RUNNING", "REDUCING", "COMPLETED"] as const;

/**
 * The job state machine: every move, where it may start and where it leads. Nothing else changes a job's state:
 * the SQL guards take their `from` states from here, and the diagram in the service's README is drawn from it.
 *
 * `commit` starts almost anywhere because the chain is the authority: after a restore, or when a clock ran ahead,
 * a result that stands on chain is a result whatever this database thought.
 */
export const jobTable = {
  plan: { from: ["PERMITTED"], to: "PLANNED", why: "clauses hold, the plan and its tasks are stored" },
  reject: { from: ["PERMITTED"], to: "REJECTED", why: "a clause, the program or the manifest refuses" },
  begin: { from: ["PLANNED"], to: "RUNNING", why: "a worker began a task" },
  reduce: { from: ["RUNNING"], to: "REDUCING", why: "every map task's replicas agree" },
  complete: { from: ["REDUCING"], to: "COMPLETED", why: "the result bundle is stored" },
  commit: {
    from: [...beforeCommit, "REJECTED", "FAILED", "CANCELLED", "EXPIRED"],
    to: "COMMITTED",
    why: "JobResultPosted is confirmed",
  },
  uncommit: { from: ["COMMITTED"], to: reached, why: "JobResultPosted is retracted" },
  settle: { from: ["COMMITTED"], to: "SETTLED", why: "JobAccepted, JobReleased or JobLapsed is final" },
  overrule: { from: ["COMMITTED"], to: "FAILED", why: "a challenge ended in a refund" },
  fail: {
    from: beforeCommit,
    to: "FAILED",
    why: "replicas disagree, a task fails for good, or the chain refunded a permit as failed",
  },
  cancel: { from: beforeCommit, to: "CANCELLED", why: "a revocation, a withdrawal, a refund, a lost issue" },
  expire: {
    from: ["PERMITTED", "PLANNED", "RUNNING", "REDUCING"],
    to: "EXPIRED",
    why: "the permit's time is over by the clock",
  },
  lapse: {
    from: ["COMPLETED"],
    to: "EXPIRED",
    why: "the chain refunded an expired permit before the result",
  },
  reinstate: {
    from: ["FAILED", "CANCELLED", "EXPIRED"],
    to: reached,
    why: "every log that had stopped the job is retracted",
  },
} as const satisfies Record<string, Row>;

export type JobMove = keyof typeof jobTable;

/** How far a job's stored work has come, whatever its state says. */
export type Progress = {
  readonly planned: boolean;
  readonly begun: boolean;
  readonly reducing: boolean;
  readonly completed: boolean;
};

/** The state that stored work stands for: where a job goes on after a reorganisation undid what had moved it. */
export function reachedState(progress: Progress): JobState {
  if (progress.completed) return "COMPLETED";
  if (progress.reducing) return "REDUCING";
  if (progress.begun) return "RUNNING";
  return progress.planned ? "PLANNED" : "PERMITTED";
}

/** The states in which `move` is allowed. */
export const statesBefore = (move: JobMove): readonly JobState[] => jobTable[move].from;

/** Whether `move` is allowed in `state`. */
export const mayMove = (state: JobState, move: JobMove): boolean => statesBefore(move).includes(state);

/** The state after `move`, or `undefined` where the table forbids it (the move is then a no-op, never an error). */
export function nextState(state: JobState, move: JobMove, progress: Progress): JobState | undefined {
  if (!mayMove(state, move)) return undefined;
  const { to } = jobTable[move];
  return to === reached ? reachedState(progress) : to;
}

/** Whether workers should still spend time on the job's tasks. */
export const wantsWork = (state: JobState): boolean =>
  state === "PLANNED" || state === "RUNNING" || state === "REDUCING";

/** Whether the job has ended: a watcher may hang up. Only a reorganisation moves a stopped job on. */
export function isTerminal(state: JobState): boolean {
  switch (state) {
    case "SETTLED":
    case "REJECTED":
    case "FAILED":
    case "CANCELLED":
    case "EXPIRED":
      return true;
    case "PERMITTED":
    case "PLANNED":
    case "RUNNING":
    case "REDUCING":
    case "COMPLETED":
    case "COMMITTED":
      return false;
    default:
      return assertNever(state);
  }
}
