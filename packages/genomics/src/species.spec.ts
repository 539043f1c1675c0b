import { describe, expect, it } from "vitest";
import { findContig, HUMAN_X_PAR, SPECIES, SPECIES_NAMES, splitPseudoAutosomal } from "./species.ts";

const NAMES = ["0", "1", "12", "19", "26", "29", "38", "X", "Y", "XY", "MT"] as const;

/** What plink1.9 (v1.90b6.26) prints in CHR for these names; - where it refuses them. */
it.each([
  ["human", "0 1 12 19 26 - - 23 24 25 26"],
  ["mouse", "0 1 12 19 - - - 20 21 - -"],
  ["cow", "0 1 12 19 26 29 - 30 31 - 33"],
  ["dog", "0 1 12 19 26 29 38 39 40 41 42"],
  ["horse", "0 1 12 19 26 29 - 32 33 - -"],
  ["rice", "0 1 12 - - - - - - - -"],
  ["sheep", "0 1 12 19 26 - - 27 28 - -"],
] as const)("%s has PLINK's codes", (species, codes) => {
  expect(NAMES.map((name) => findContig(SPECIES[species], name)?.label ?? "-").join(" ")).toBe(codes);
});

it("knows exactly PLINK's species", () => {
  expect(Object.keys(SPECIES).sort()).toEqual([...SPECIES_NAMES].sort());
});

it.each(["chrX", "x", "CHRX", "23", "chr23", "023"])("%s is the human X", (text) => {
  expect(findContig(SPECIES.human, text)).toMatchObject({ code: 23, ploidyClass: "X" });
});

it.each(["M", "mt", "chrM", "26"])("%s is the human mitochondrion", (text) => {
  expect(findContig(SPECIES.human, text)).toMatchObject({ code: 26, ploidyClass: "MT" });
});

it.each(["", "chr", "27", "99", "un", "PAR1", "1 ", "-1"])("%j is no human chromosome", (text) => {
  expect(findContig(SPECIES.human, text)).toBeUndefined();
});

it("rice is haploid, autosomes elsewhere are not", () => {
  expect(findContig(SPECIES.rice, "3")?.ploidyClass).toBe("haploid");
  expect(findContig(SPECIES.cow, "3")?.ploidyClass).toBe("autosome");
});

describe("splitPseudoAutosomal", () => {
  const x = findContig(SPECIES.human, "X")!;
  const { par1End, par2Start } = HUMAN_X_PAR.GRCh37;

  it.each([
    [par1End, "PAR"],
    [par1End + 1, "X"],
    [par2Start - 1, "X"],
    [par2Start, "PAR"],
    [0, "X"],
  ] as const)("position %d of the GRCh37 X is %s", (position, ploidyClass) => {
    expect(splitPseudoAutosomal(SPECIES.human, x, position, "GRCh37").ploidyClass).toBe(ploidyClass);
  });

  it("leaves other chromosomes and other species alone", () => {
    const y = findContig(SPECIES.human, "Y")!;
    const mouseX = findContig(SPECIES.mouse, "X")!;
    expect(splitPseudoAutosomal(SPECIES.human, y, 1, "GRCh37")).toBe(y);
    expect(splitPseudoAutosomal(SPECIES.mouse, mouseX, 1, "GRCh37")).toBe(mouseX);
  });
});
