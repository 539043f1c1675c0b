import { setTimeout as delay } from "node:timers/promises";

/** Waits for `work`, but not for longer than `ms`. */
export async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const limit = new AbortController();
  const late = delay(ms, undefined, { signal: limit.signal }).catch(() => {});
  await Promise.race([work, late]).finally(() => limit.abort());
}
