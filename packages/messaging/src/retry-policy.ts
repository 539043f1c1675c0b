/** How often a throwing handler is tried, and how long between. */
export type RetryPolicy = {
  readonly attempts: number;
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
};

/** About 11 s in all: outlasts a restart of what the handler needs. */
export const defaultRetryPolicy: RetryPolicy = { attempts: 8, firstDelayMs: 100, maxDelayMs: 5_000 };

/** Delay before attempt `attempt + 1`, doubling up to the cap. `attempt` counts from 1. */
export const retryDelayMs = (policy: RetryPolicy, attempt: number): number =>
  Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** (attempt - 1));
