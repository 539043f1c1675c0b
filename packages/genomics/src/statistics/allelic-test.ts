import { chiSquareTail } from "./tails.ts";

/** Copies of A1 and called alleles in each group; called counts alleles, not people. */
export interface AllelicCounts {
  readonly caseA1: number;
  readonly caseCalled: number;
  readonly controlA1: number;
  readonly controlCalled: number;
}

/** null stands where PLINK prints NA. */
export interface AllelicTest {
  /** Frequency of A1; null in a group without a call. */
  readonly caseFrequency: number | null;
  readonly controlFrequency: number | null;
  /** Pearson's chi-square of the 2 x 2 table of alleles, one degree of freedom, no continuity correction. */
  readonly chisq: number | null;
  readonly p: number | null;
  /** Odds of A1 in cases over odds in controls. */
  readonly oddsRatio: number | null;
  /** Standard error of ln(oddsRatio), Woolf 1955; null where a cell is empty. */
  readonly logOddsSe: number | null;
}

/**
 * The basic allelic association test, with the conventions of `plink --assoc` (1.9):
 * chi-square and P are NA where only one allele was seen, 0 and 1 where one group has no call,
 * the odds ratio is NA where its denominator is zero.
 *
 * @source PLINK 1.9 documentation, `--assoc`; conventions checked against v1.90b6.26
 */
export function allelicTest({ caseA1, caseCalled, controlA1, controlCalled }: AllelicCounts): AllelicTest {
  const caseA2 = caseCalled - caseA1;
  const controlA2 = controlCalled - controlA1;
  const chisq = pearson(caseA1, caseA2, controlA1, controlA2);
  const denominator = caseA2 * controlA1;
  const smallest = Math.min(caseA1, caseA2, controlA1, controlA2);
  return {
    caseFrequency: caseCalled === 0 ? null : caseA1 / caseCalled,
    controlFrequency: controlCalled === 0 ? null : controlA1 / controlCalled,
    chisq,
    p: chisq === null ? null : chiSquareTail(chisq),
    oddsRatio: denominator === 0 ? null : (caseA1 * controlA2) / denominator,
    logOddsSe: smallest === 0 ? null : Math.sqrt(1 / caseA1 + 1 / caseA2 + 1 / controlA1 + 1 / controlA2),
  };
}

function pearson(caseA1: number, caseA2: number, controlA1: number, controlA2: number): number | null {
  const [a1, a2] = [caseA1 + controlA1, caseA2 + controlA2];
  const [cases, controls] = [caseA1 + caseA2, controlA1 + controlA2];
  if (a1 === 0 || a2 === 0) return null;
  if (cases === 0 || controls === 0) return 0;
  const difference = caseA1 * controlA2 - caseA2 * controlA1;
  return ((difference / a1) * (difference / a2) * (cases + controls)) / cases / controls;
}
