/** Counts over everybody, phenotyped or not, of the allele that the file calls A1. */
export interface A1Counts {
  readonly alleleCount: number;
  readonly calledAlleles: number;
}

/**
 * Which allele a table reports as A1: the minor one. A tie, or no call at all, keeps the file's order, as PLINK 1.9.
 * (PLINK counts founders only unless told `--nonfounders`; which people are counted is the caller's choice.)
 */
export function chooseA1({ alleleCount, calledAlleles }: A1Counts): "keep" | "swap" {
  return 2 * alleleCount > calledAlleles ? "swap" : "keep";
}
