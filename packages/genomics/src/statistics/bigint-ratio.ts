const EXTRA_BITS = 80;

const bitLength = (value: bigint): number => value.toString(16).length * 4;

/** `numerator / denominator` as a double, right to the last bit or so whatever their sizes; denominator > 0. */
export function bigintRatio(numerator: bigint, denominator: bigint): number {
  const magnitude = numerator < 0n ? -numerator : numerator;
  const shift = Math.max(0, bitLength(denominator) - bitLength(magnitude) + EXTRA_BITS);
  const quotient = Number((magnitude << BigInt(shift)) / denominator);
  const ratio = shift > 1000 ? quotient * 2 ** -1000 * 2 ** (1000 - shift) : quotient * 2 ** -shift;
  return numerator < 0n ? -ratio : ratio;
}
