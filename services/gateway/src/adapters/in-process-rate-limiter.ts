import { err, ok } from "@cos/protocol";
import type { Clock, RateKind, RateLimiter } from "../app/ports.ts";
import { refusal } from "../domain/refusal.ts";
import { type Bucket, type BucketRule, takeTokens } from "../domain/token-bucket.ts";

/**
 * Token buckets in memory, at most `maxKeys` of them: the one used least lately is forgotten first, which gives it a full
 * bucket again. A cluster shares buckets in Redis behind the same port.
 */
export function inProcessRateLimiter(
  rules: Readonly<Record<RateKind, BucketRule>>,
  now: Clock,
  maxKeys = 100_000,
): RateLimiter {
  const buckets = new Map<string, Bucket>();
  return {
    take: async (kind, key) => {
      const id = `${kind}:${key}`;
      const answer = takeTokens(rules[kind], buckets.get(id), 1, now());
      buckets.delete(id);
      buckets.set(id, answer.bucket);
      if (buckets.size > maxKeys) buckets.delete(buckets.keys().next().value as string);
      if (answer.allowed) return ok(undefined);
      return err(refusal("RATE_LIMITED", { retryAfterSeconds: answer.retryAfterSeconds }));
    },
  };
}
