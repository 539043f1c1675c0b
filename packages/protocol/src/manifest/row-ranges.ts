import { z } from "zod";

/** Largest stream index: rows are numbered 0 .. 2^31 - 1 within a dataset, across its segments. */
export const maxRows = 2 ** 31;

/** Ascending, disjoint, non-touching runs `[first, count]` of stream indexes. */
export const rowRangesSchema = z
  .array(
    z.tuple([
      z
        .int()
        .min(0)
        .max(maxRows - 1),
      z.int().min(1).max(maxRows),
    ]),
  )
  .max(100_000)
  .refine(
    (ranges) =>
      ranges.every(([first], i) => i === 0 || first > (ranges[i - 1]?.[0] ?? 0) + (ranges[i - 1]?.[1] ?? 0)),
    "row ranges must be ascending and must not touch",
  );
export type RowRanges = z.infer<typeof rowRangesSchema>;

/** Packs ascending, distinct stream indexes into ranges. */
export function toRowRanges(rows: readonly number[]): RowRanges {
  const ranges: RowRanges = [];
  for (const row of rows) {
    const last = ranges.at(-1);
    if (last !== undefined && last[0] + last[1] === row) last[1] += 1;
    else ranges.push([row, 1]);
  }
  return ranges;
}

/** The stream indexes that the ranges name, ascending. */
export function rowsOf(ranges: RowRanges): number[] {
  const rows: number[] = [];
  for (const [first, count] of ranges) for (let i = 0; i < count; i += 1) rows.push(first + i);
  return rows;
}

export const countRows = (ranges: RowRanges): number => ranges.reduce((sum, [, count]) => sum + count, 0);
