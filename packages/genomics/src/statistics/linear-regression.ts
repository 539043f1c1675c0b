import { bigintRatio } from "./bigint-ratio.ts";
import { studentTwoTail } from "./tails.ts";

/**
 * Sums over the people with a phenotype and a called genotype. g is the dosage of A1 (0, 1, 2; see
 * `GenotypeBlock.dosage`), y the trait as a whole number of units of 10^-`decimals`.
 */
export interface RegressionSums {
  readonly n: number;
  readonly sumG: bigint;
  readonly sumGG: bigint;
  readonly sumY: bigint;
  readonly sumYY: bigint;
  readonly sumGY: bigint;
  readonly decimals: number;
}

/** null stands where PLINK prints NA. */
export interface LinearRegression {
  readonly nmiss: number;
  readonly beta: number | null;
  readonly se: number | null;
  readonly r2: number | null;
  readonly t: number | null;
  readonly p: number | null;
}

/**
 * Simple regression of a trait on the dosage of A1 with the Wald test of `plink --assoc` (1.9) on a quantitative trait.
 * Every sum of squares is taken exactly, so nothing cancels however large the trait's mean is. All are NA where
 * fewer than two people or one genotype were seen; T and P are NA with two people (SE is then infinite).
 *
 * @source Draper and Smith, Applied Regression Analysis, chapter 1; conventions checked against v1.90b6.26
 */
export function linearRegression(sums: RegressionSums): LinearRegression {
  const n = BigInt(sums.n);
  const sxx = n * sums.sumGG - sums.sumG * sums.sumG; // n times the centred sum, as the two below
  const syy = n * sums.sumYY - sums.sumY * sums.sumY;
  const sxy = n * sums.sumGY - sums.sumG * sums.sumY;
  if (sums.n < 2 || sxx === 0n) return { nmiss: sums.n, beta: null, se: null, r2: null, t: null, p: null };

  const unit = 10 ** -sums.decimals;
  const residual = syy * sxx - sxy * sxy; // n^2 times sxx times the residual sum of squares
  const beta = bigintRatio(sxy, sxx) * unit;
  const r2 = syy === 0n ? null : bigintRatio(sxy * sxy, syy * sxx);
  if (sums.n === 2) return { nmiss: 2, beta, se: Number.POSITIVE_INFINITY, r2, t: null, p: null };

  const degreesOfFreedom = sums.n - 2;
  const se = Math.sqrt(bigintRatio(residual, sxx * sxx * BigInt(degreesOfFreedom))) * unit;
  if (syy === 0n) return { nmiss: sums.n, beta, se, r2, t: null, p: null };
  if (residual === 0n)
    return { nmiss: sums.n, beta, se, r2, t: Math.sign(beta) * Number.POSITIVE_INFINITY, p: 0 };
  const tSquared = bigintRatio(sxy * sxy * BigInt(degreesOfFreedom), residual);
  const t = Math.sign(beta) * Math.sqrt(tSquared);
  return { nmiss: sums.n, beta, se, r2, t, p: studentTwoTail(t, degreesOfFreedom) };
}
