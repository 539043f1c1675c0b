/** A bucket that fills at `perSecond` up to `capacity`; a call takes one token or more. */
export type BucketRule = { readonly capacity: number; readonly perSecond: number };
export type Bucket = { readonly tokens: number; readonly at: number };

export type BucketAnswer = {
  readonly bucket: Bucket;
  readonly allowed: boolean;
  /** Whole seconds until as many tokens are there again; 0 when allowed. */
  readonly retryAfterSeconds: number;
};

/** @param now Unix seconds; a clock that runs backwards fills nothing */
export function takeTokens(
  rule: BucketRule,
  bucket: Bucket | undefined,
  cost: number,
  now: number,
): BucketAnswer {
  const before = bucket ?? { tokens: rule.capacity, at: now };
  const passed = Math.max(0, now - before.at);
  const tokens = Math.min(rule.capacity, before.tokens + passed * rule.perSecond);
  const at = Math.max(now, before.at);
  if (tokens >= cost) return { bucket: { tokens: tokens - cost, at }, allowed: true, retryAfterSeconds: 0 };
  const retryAfterSeconds = Math.max(1, Math.ceil((cost - tokens) / rule.perSecond));
  return { bucket: { tokens, at }, allowed: false, retryAfterSeconds };
}
