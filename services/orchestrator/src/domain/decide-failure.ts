import type { Address } from "@cos/protocol";

/** One time a worker gave a task up. */
export type TaskFailure = { readonly worker: Address; readonly code: string; readonly retryable: boolean };

export type FailureDecision =
  | { readonly decision: "RETRY"; readonly afterSeconds: number }
  | { readonly decision: "GIVE_UP"; readonly code: string };

/**
 * Whether a task that a worker gave up is tried again.
 *
 * A failure that the worker calls final (a tampered or truncated input) ends the job only when a second worker, where
 * one is known, says the same: one broken or malicious worker must not be able to end another's job. Other failures
 * are retried with growing delay until `maxAttempts`.
 *
 * @param failures    all failures of the task so far, this one last
 * @param knownWorkers workers of the region heard of lately, this one included
 * @returns `afterSeconds` doubles from 1 up to 60
 */
export function decideFailure(
  failures: readonly TaskFailure[],
  knownWorkers: number,
  maxAttempts: number,
): FailureDecision {
  const last = failures.at(-1);
  if (!last) throw new Error("a failure is decided on when there is one");
  const sure = new Set(failures.filter((failure) => !failure.retryable).map((failure) => failure.worker));
  if (sure.size >= Math.min(2, Math.max(1, knownWorkers))) return { decision: "GIVE_UP", code: last.code };
  if (failures.length >= maxAttempts) return { decision: "GIVE_UP", code: last.code };
  return { decision: "RETRY", afterSeconds: Math.min(60, 2 ** (failures.length - 1)) };
}
