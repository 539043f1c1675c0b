import type { Address } from "@cos/protocol";

/** One time a worker gave a task up, or was lost with it. `at`: Unix seconds. */
export type TaskFailure = {
  readonly worker: Address;
  readonly code: string;
  readonly retryable: boolean;
  readonly at: number;
};

export type FailureDecision =
  | { readonly decision: "RETRY"; readonly afterSeconds: number }
  | { readonly decision: "GIVE_UP"; readonly code: string };

/** The worker's lease ran out: it was killed, cut off, or the task took it down. */
export const workerLost = "WORKER_LOST";

/** Faults of what surrounds a task; they say nothing about the task itself. */
const surroundings = new Set(["INPUT_UNREACHABLE", "OUTPUT_REFUSED"]);

/**
 * Whether a task that a worker gave up, or was lost with, is tried again.
 *
 * A failure that the worker calls final (a tampered or truncated input) ends the job only when a second worker, where
 * one is known, says the same: one broken or malicious worker must not be able to end another's job. A task that takes
 * its workers down, or that they cannot run, ends its job at the `maxAttempts`-th time, before it has taken the fleet
 * down. A store that cannot be reached ends it only when it has been away for `outageSeconds`, however often that was.
 *
 * @param failures    all failures of the task so far, this one last
 * @param knownWorkers workers of the region heard of lately, this one included
 * @returns `afterSeconds` doubles from 1 up to 60; a lost worker's first loss waits for nothing, its lease was the wait
 */
export function decideFailure(
  failures: readonly TaskFailure[],
  limits: { knownWorkers: number; maxAttempts: number; outageSeconds: number },
): FailureDecision {
  const last = failures.at(-1);
  if (!last) throw new Error("a failure is decided on when there is one");
  const giveUp = { decision: "GIVE_UP", code: last.code } as const;
  const sure = new Set(failures.filter((failure) => !failure.retryable).map((failure) => failure.worker));
  if (sure.size >= Math.min(2, Math.max(1, limits.knownWorkers))) return giveUp;

  const around = failures.filter((failure) => surroundings.has(failure.code));
  if (failures.length - around.length >= limits.maxAttempts) return giveUp;
  const awaySince = around[0]?.at ?? last.at;
  if (around.length >= limits.maxAttempts && last.at - awaySince >= limits.outageSeconds) return giveUp;

  const doubling = Math.min(60, 2 ** (failures.length - 1));
  return { decision: "RETRY", afterSeconds: last.code === workerLost ? doubling - 1 : doubling };
}
