import type { BucketRule, Cache } from "@cos/cache";
import { err, ok } from "@cos/protocol";
import type { RateKind, RateLimiter } from "../app/ports.ts";
import { refusal } from "../domain/refusal.ts";

/** A bucket for each kind of call and each caller, in the cache: one process's own, or the one that gateways share. */
export function cacheRateLimiter(rules: Readonly<Record<RateKind, BucketRule>>, cache: Cache): RateLimiter {
  return {
    take: async (kind, key) => {
      const { allowed, retryAfterSeconds } = await cache.take(`gateway:${kind}:${key}`, rules[kind]);
      return allowed ? ok(undefined) : err(refusal("RATE_LIMITED", { retryAfterSeconds }));
    },
  };
}
