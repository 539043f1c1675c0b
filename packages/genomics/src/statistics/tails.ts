import betainc from "@stdlib/math-base-special-betainc";
import erfc from "@stdlib/math-base-special-erfc";

/**
 * P(X >= chisq) for a chi-square of one degree of freedom. Keeps full relative accuracy far into the tail
 * (no 1 - cdf), down to the smallest doubles.
 */
export const chiSquareTail = (chisq: number): number => erfc(Math.sqrt(chisq / 2));

/**
 * P(|T| >= |t|) for Student's t, by the regularised incomplete beta function.
 *
 * @param degreesOfFreedom at least 1
 * @source Abramowitz and Stegun, 26.7.1
 */
export const studentTwoTail = (t: number, degreesOfFreedom: number): number =>
  betainc(degreesOfFreedom / (degreesOfFreedom + t * t), degreesOfFreedom / 2, 0.5);
