import { assocRow, SPECIES } from "@cos/genomics";
import { describe, expect, it } from "vitest";
import { topLoci } from "./top-loci.ts";

/** A marker whose cases hold `caseA1` of 200 copies and whose controls hold 100 of 200. */
const marker = (id: string, contig: number, position: number, caseA1: number) =>
  assocRow(
    {
      contig: SPECIES.human.contigs.find(({ code }) => code === contig)!,
      position: position as never,
      id,
      a1: "A",
      a2: "G",
    },
    {
      caseA1,
      caseCalled: 200,
      controlA1: 100,
      controlCalled: 200,
      totalA1: caseA1 + 100,
      totalCalled: 400,
    },
  );
const rows = [
  marker("near", 1, 1_500_000, 150),
  marker("best", 1, 1_000_000, 160),
  marker("far", 1, 2_000_001, 140),
  marker("other", 2, 1_000_000, 130),
];
const result = { kind: "assoc" as const, rows, counts: rows.map((row) => row.counts) };

describe("topLoci", () => {
  it("keeps the best of each megabase: 1,000,000 bases away is the same locus, 1,000,001 another", () => {
    expect(topLoci(result, [], 10).map(({ id }) => id)).toEqual(["best", "far", "other"]);
  });

  it("stops at the number asked for and marks planted loci within the window", () => {
    const top = topLoci(result, [{ id: "x", contig: "2", position: 1_900_000 }], 3);
    expect(top.map(({ planted }) => planted)).toEqual([false, false, true]);
    expect(topLoci(result, [], 1)).toHaveLength(1);
  });
});
