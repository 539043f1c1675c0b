import { type AllelicCounts, type AllelicTest, allelicTest } from "../statistics/allelic-test.ts";
import { chooseA1 } from "../statistics/choose-a1.ts";
import type { Variant } from "../variant.ts";

/** What a case/control study counts at one variant, in the file's orientation (A1 as the file has it). */
export interface VariantCounts extends AllelicCounts {
  /** Over everybody, phenotyped or not: decides which allele is reported as A1. */
  readonly totalA1: number;
  readonly totalCalled: number;
}

/** One line of a case/control table, A1 the minor allele over everybody. */
export interface AssocRow extends AllelicTest {
  readonly variant: Variant;
  readonly a1: string;
  readonly a2: string;
  /** A1 is the allele that the file calls A2. */
  readonly swapped: boolean;
  /** The counts behind the line, for the A1 of the line. */
  readonly counts: VariantCounts;
}

/** The line of one variant from its counts: chooses A1, then tests. */
export function assocRow(variant: Variant, counts: VariantCounts): AssocRow {
  const swapped = chooseA1({ alleleCount: counts.totalA1, calledAlleles: counts.totalCalled }) === "swap";
  const oriented = swapped ? swapAlleles(counts) : counts;
  const [a1, a2] = swapped ? [variant.a2, variant.a1] : [variant.a1, variant.a2];
  return { variant, a1, a2, swapped, counts: oriented, ...allelicTest(oriented) };
}

/** The same counts seen from the other allele. */
export function swapAlleles(counts: VariantCounts): VariantCounts {
  return {
    caseA1: counts.caseCalled - counts.caseA1,
    caseCalled: counts.caseCalled,
    controlA1: counts.controlCalled - counts.controlA1,
    controlCalled: counts.controlCalled,
    totalA1: counts.totalCalled - counts.totalA1,
    totalCalled: counts.totalCalled,
  };
}
