import { expect, it } from "vitest";
import { beginsEntry, endsEntry, mergeTerms, toRuns } from "./merge-terms.ts";

/** A partial result with entries of these (variant block, run), of one contraction. */
const partial = (...keys: (readonly [variantBlock: number, run: number])[]) => ({
  count: keys.length,
  describe: (i: number) => {
    const [variantBlock, run] = keys[i] as readonly [number, number];
    return { contraction: 0, variantBlock, run, context: 0, degree: 1 as const };
  },
});

// Two tasks share run 1, a third has variant block 1 of run 0.
const terms = mergeTerms([partial([0, 0], [0, 1], [1, 1]), partial([0, 1], [1, 1], [1, 2]), partial([1, 0])]);

it("puts the entries of all partial results in the result's order: variant block, then run", () => {
  expect(terms.map((t) => [t.variantBlock, t.run, t.partial, t.record])).toEqual([
    [0, 0, 0, 0],
    [0, 1, 0, 1],
    [0, 1, 1, 0],
    [1, 0, 2, 0],
    [1, 1, 0, 2],
    [1, 1, 1, 1],
    [1, 2, 1, 2],
  ]);
});

it("says where an entry begins and ends", () => {
  expect(terms.map((_, i) => Number(beginsEntry(terms, i)))).toEqual([1, 1, 0, 1, 1, 0, 1]);
  expect(terms.map((_, i) => Number(endsEntry(terms, i)))).toEqual([1, 0, 1, 1, 0, 1, 1]);
});

it("reads at once what lies one after the other in a partial result", () => {
  expect(toRuns(terms)).toEqual([
    { partial: 0, first: 0, at: [0, 1, 4] },
    { partial: 1, first: 0, at: [2, 5, 6] },
    { partial: 2, first: 0, at: [3] },
  ]);
  const gap = terms.filter((_, i) => i !== 1);
  expect(toRuns(gap).filter((run) => run.partial === 0)).toEqual([
    { partial: 0, first: 0, at: [0] },
    { partial: 0, first: 2, at: [3] },
  ]);
});
