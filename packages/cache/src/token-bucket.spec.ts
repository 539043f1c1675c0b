import { describe, expect, it } from "vitest";
import { type Bucket, takeTokens } from "./token-bucket.ts";

const rule = { capacity: 3, perSecond: 0.5 };

describe("takeTokens", () => {
  it("gives three at once, then one every two seconds", () => {
    let bucket: Bucket | undefined;
    const take = (now: number): boolean => {
      const answer = takeTokens(rule, bucket, 1, now);
      bucket = answer.bucket;
      return answer.allowed;
    };
    expect([0, 0, 0, 0].map(take)).toEqual([true, true, true, false]);
    expect([1, 2, 2, 4, 4].map(take)).toEqual([false, true, false, true, false]);
  });

  it("says when to come back", () => {
    const empty = { tokens: 0, at: 100 };
    expect(takeTokens(rule, empty, 1, 100).retryAfterSeconds).toBe(2);
    expect(takeTokens(rule, empty, 1, 102)).toMatchObject({ allowed: true, retryAfterSeconds: 0 });
  });

  it("fills nothing when the clock runs backwards", () => {
    expect(takeTokens(rule, { tokens: 0, at: 100 }, 1, 10)).toMatchObject({
      allowed: false,
      bucket: { at: 100 },
    });
  });
});
