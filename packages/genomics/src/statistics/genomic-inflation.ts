/** The median of a chi-square of one degree of freedom. */
const CHI_SQUARE_MEDIAN = 0.454936423119572;

/**
 * The genomic inflation factor: the median chi-square over the one expected without association.
 *
 * @param chisq one per variant (t squared for a regression); null (NA) is left out
 * @returns null without a value; not raised to 1, unlike PLINK's `--adjust`
 * @source Devlin and Roeder 1999, Biometrics 55:997
 */
export function genomicInflation(chisq: readonly (number | null)[]): number | null {
  const values = Float64Array.from(chisq.filter((value) => value !== null)).sort();
  if (values.length === 0) return null;
  const middle = values.length >> 1;
  const median = values.length % 2 === 1 ? values[middle]! : (values[middle - 1]! + values[middle]!) / 2;
  return median / CHI_SQUARE_MEDIAN;
}
