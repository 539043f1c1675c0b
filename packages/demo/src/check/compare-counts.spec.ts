import type { AssocRow, VariantCounts } from "@cos/genomics";
import { assocRow, SPECIES } from "@cos/genomics";
import { describe, expect, it } from "vitest";
import { compareCounts } from "./compare-counts.ts";

const variant = { contig: SPECIES.human.contigs[0]!, position: 7 as never, id: "rs1", a1: "A", a2: "G" };
const counts: VariantCounts = {
  caseA1: 12,
  caseCalled: 40,
  controlA1: 8,
  controlCalled: 44,
  totalA1: 20,
  totalCalled: 84,
};
const study = (each: VariantCounts): { kind: "assoc"; counts: VariantCounts[]; rows: AssocRow[] } => ({
  kind: "assoc",
  counts: [each],
  rows: [assocRow(variant, each)],
});

describe("compareCounts", () => {
  it("counts what it compared: six counts of one variant, ten fields and the ten of the header", () => {
    expect(compareCounts(study(counts), study(counts))).toEqual({
      equal: true,
      countsCompared: 6,
      statisticsCompared: 20,
      firstDifference: undefined,
    });
  });

  it.each(Object.keys(counts) as (keyof VariantCounts)[])("sees a difference of one in %s", (name) => {
    const other = { ...counts, [name]: counts[name] + 1 };
    expect(compareCounts(study(other), study(counts))).toMatchObject({
      equal: false,
      firstDifference: `${name} of variant 1`,
    });
  });

  it("is not equal when nothing was compared, or when a variant is missing", () => {
    const empty = { kind: "assoc" as const, counts: [], rows: [] };
    expect(compareCounts(empty, empty).equal).toBe(false);
    expect(compareCounts(empty, study(counts)).firstDifference).toBe("0 variants opened, 1 read");
  });

  it("sees a statistic that does not follow from equal counts", () => {
    const wrong = study(counts);
    const rows = wrong.rows.map((row) => ({ ...row, oddsRatio: 1 }));
    expect(compareCounts({ ...wrong, rows }, study(counts)).firstDifference).toMatch(/^printed field/);
  });
});
