import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { scheduleOf } from "./key-schedule.ts";

const keys = [
  { kid: "a", signsFrom: 0 },
  { kid: "b", signsFrom: 1_000 },
];
const states = (now: number) => scheduleOf(keys, now, 900).map(({ kid, state }) => `${kid} ${state}`);

describe("scheduleOf", () => {
  it.each([
    [999, ["a signing", "b published"]],
    [1_000, ["a retired", "b signing"]],
    [1_899, ["a retired", "b signing"]],
    [1_900, ["b signing"]],
  ])("at %i: %j", (now, expected) => expect(states(now)).toEqual(expected));

  it("keeps every key until the last token that it can have signed has ended, and has one signer", () => {
    const times = fc.uniqueArray(fc.integer({ min: 0, max: 5_000 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(times, fc.nat(8_000), fc.nat(900), (starts, signedAt, age) => {
        const ring = starts.map((signsFrom) => ({ kid: `k${signsFrom}`, signsFrom }));
        const signer = scheduleOf(ring, signedAt, 901).filter(({ state }) => state === "signing");
        expect(signer).toHaveLength(signedAt < Math.min(...starts) ? 0 : 1);
        if (signer.length === 0) return;
        const later = scheduleOf(ring, signedAt + age, 901).map(({ kid }) => kid);
        expect(later).toContain(signer[0]?.kid);
      }),
    );
  });
});
