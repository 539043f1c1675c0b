import { asAddress, asDigest } from "@cos/protocol";
import { AbiCoder, concat, keccak256 } from "ethers";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Use } from "./use.ts";
import { isBatchDue, leavesOfBatch, planUseBatch } from "./use-batch.ts";

const use = (byte: number, usedAt: number): Use => ({
  useId: asDigest(`0x${byte.toString(16).padStart(2, "0").repeat(32)}`),
  grantId: "4",
  datasetId: "5",
  grantee: asAddress(`0x${"a1".repeat(20)}`),
  op: 1,
  purposeHash: asDigest(`0x${"c3".repeat(32)}`),
  usedAt,
});

/** A leaf as `UsageLog.leafOf` makes it, written out again. */
const leafOf = ({ useId, grantId, datasetId, grantee, op, purposeHash, usedAt }: Use): string => {
  const types = ["bytes32", "uint256", "uint256", "address", "uint8", "bytes32", "uint64"];
  const values = [useId, grantId, datasetId, grantee, op, purposeHash, usedAt];
  return keccak256(keccak256(AbiCoder.defaultAbiCoder().encode(types, values)));
};

describe("planUseBatch", () => {
  it("commits to one use as its leaf, and to two as the hash of the sorted pair", () => {
    const [one, two] = [use(1, 10), use(2, 12)];
    expect(planUseBatch([one]).root).toBe(leafOf(one));
    const pair = [leafOf(one), leafOf(two)].sort();
    expect(planUseBatch([one, two]).root).toBe(keccak256(concat(pair)));
  });

  it("spans from the first use to the second after the last", () => {
    expect(planUseBatch([use(1, 12), use(2, 10)])).toMatchObject({ count: 2, from: 10, to: 13 });
  });

  it("is the same whatever the order (law)", () => {
    const uses = [1, 2, 3, 4, 5].map((byte) => use(byte, byte));
    fc.assert(
      fc.property(fc.shuffledSubarray(uses, { minLength: 5 }), (shuffled) => {
        expect(planUseBatch(shuffled)).toEqual(planUseBatch(uses));
      }),
      { numRuns: 20 },
    );
  });
});

describe("leavesOfBatch", () => {
  it("reads back what a batch recorded", () => {
    const uses = [use(2, 12), use(1, 10)];
    const read = leavesOfBatch(planUseBatch(uses).leavesJson);
    expect(read.map(({ useId, usedAt }) => [useId, usedAt])).toEqual([
      [use(1, 10).useId, 10],
      [use(2, 12).useId, 12],
    ]);
    expect(read[0]).toMatchObject({ grantId: "4", datasetId: "5", grantee: use(1, 10).grantee, op: 1 });
  });

  it.each([
    '{"format":"other","leaves":[]}',
    '{"format":"cos-use-batch/1"}',
    '{"format":"cos-use-batch/1","leaves":[["x"]]}',
  ])("refuses %s", (text) => {
    expect(() => leavesOfBatch(text)).toThrow();
  });
});

it("is due with enough uses, or when the oldest has waited long enough", () => {
  const limits = { maxUses: 3, maxAgeSeconds: 30 };
  expect(isBatchDue({ count: 0, oldest: 0 }, limits, 1_000)).toBe(false);
  expect(isBatchDue({ count: 2, oldest: 971 }, limits, 1_000)).toBe(false);
  expect(isBatchDue({ count: 2, oldest: 970 }, limits, 1_000)).toBe(true);
  expect(isBatchDue({ count: 3, oldest: 1_000 }, limits, 1_000)).toBe(true);
});
