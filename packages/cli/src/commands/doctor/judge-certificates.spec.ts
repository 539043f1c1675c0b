import { expect, it } from "vitest";
import { judgeCertificates } from "./judge-certificates.ts";

const day = 86_400;
/** 2026-06-01T00:00:00Z */
const now = 1_780_272_000;

it.each([
  [now, "bad", "gateway's ended on 2026-06-01"],
  [now + 14 * day - 1, "warn", "gateway's ends first, on 2026-06-14, in 13 days"],
  [now + 14 * day, "ok", "gateway's ends first, on 2026-06-15, in 14 days"],
] as const)("that ends at %d is %s", (endsAt, level, says) => {
  const held = [
    { whose: "access's", endsAt: now + 90 * day },
    { whose: "gateway's", endsAt },
  ];
  expect(judgeCertificates(held, now)).toMatchObject([{ name: "certificates", level, says }]);
});

it("of several that end together names one and says so", () => {
  const held = [
    { whose: "gateway's", endsAt: now + 90 * day },
    { whose: "access's", endsAt: now + 90 * day },
  ];
  expect(judgeCertificates(held, now)[0]?.says).toBe(
    "gateway's and others end first, on 2026-08-30, in 90 days",
  );
});

it("has nothing to say where there is no certificate", () => {
  expect(judgeCertificates([], now)).toEqual([]);
});
