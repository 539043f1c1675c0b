import fc from "fast-check";
import { expect, it } from "vitest";
import { countRows, rowRangesSchema, rowsOf, toRowRanges } from "./row-ranges.ts";

it("packs 3,4,5,9 into two runs", () => {
  expect(toRowRanges([3, 4, 5, 9])).toEqual([
    [3, 3],
    [9, 1],
  ]);
});

it("loses nothing, for any ascending rows", () => {
  const rows = fc.uniqueArray(fc.nat(10_000)).map((a) => a.sort((x, y) => x - y));
  fc.assert(
    fc.property(rows, (ascending) => {
      const ranges = toRowRanges(ascending);
      expect(rowRangesSchema.safeParse(ranges).success).toBe(true);
      expect(rowsOf(ranges)).toEqual(ascending);
      expect(countRows(ranges)).toBe(ascending.length);
    }),
  );
});

it("refuses ranges that overlap, touch or go back", () => {
  for (const ranges of [
    [
      [0, 5],
      [4, 2],
    ],
    [
      [0, 5],
      [5, 2],
    ],
    [
      [9, 1],
      [3, 1],
    ],
  ]) {
    expect(rowRangesSchema.safeParse(ranges).success).toBe(false);
  }
});
