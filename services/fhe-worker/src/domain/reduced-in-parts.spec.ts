import { asDigest } from "@cos/protocol";
import { expect, it } from "vitest";
import { isReducedInParts } from "./reduced-in-parts.ts";

const input = { digest: asDigest(`0x${"00".repeat(32)}`), sizeBytes: 60 };
const estimate = { inputBytes: 0, outputBytes: 0, cost: 0 };
const reduce = { task: { kind: "reduce" as const, index: 2, inputs: [0, 1], estimate } };

it("keeps two partial results of 60 bytes in 120, and not in 119", () => {
  expect(isReducedInParts(reduce, [input, input], 120)).toBe(false);
  expect(isReducedInParts(reduce, [input, input], 119)).toBe(true);
});

it("concerns no task that evaluates", () => {
  const task = { kind: "evaluate" } as never;
  expect(isReducedInParts({ task }, [input, input], 0)).toBe(false);
});
