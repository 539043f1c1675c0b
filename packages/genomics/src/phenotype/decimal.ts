/** An exact decimal number: `digits / 10^scale`, scale >= 0. Trailing zeros are kept out. */
export interface Decimal {
  readonly digits: bigint;
  readonly scale: number;
}

/** A measurement has no more digits than this, nor a larger power of ten; more would let a small file ask for much. */
const MAX_DIGITS = 40;
const MAX_EXPONENT = 60;

const DECIMAL = /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d{1,6}))?$/;

/**
 * Reads a number as it is written, without going through floating point.
 *
 * @returns `"not a number"`, or `"out of range"` beyond 40 digits or 10^60
 */
export function parseDecimal(text: string): Decimal | "not a number" | "out of range" {
  const match = DECIMAL.exec(text);
  if (match === null) return "not a number";
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = match;
  if (whole + fraction === "" || !pointIsSound(text, whole, fraction)) return "not a number";
  const significant = (whole + fraction).replace(/^0+/, "");
  const power = Number(exponent) - fraction.length;
  if (significant.length > MAX_DIGITS || Math.abs(power) > MAX_EXPONENT) return "out of range";
  const magnitude = BigInt(significant === "" ? "0" : significant);
  return normalised(sign === "-" ? -magnitude : magnitude, power);
}

/** "1.", ".5" and "1.5" are numbers; "." is not. */
const pointIsSound = (text: string, whole: string, fraction: string): boolean =>
  !text.includes(".") || whole !== "" || fraction !== "";

function normalised(digits: bigint, power: number): Decimal {
  if (digits === 0n) return { digits: 0n, scale: 0 };
  if (power >= 0) return { digits: digits * 10n ** BigInt(power), scale: 0 };
  let [rest, scale] = [digits, -power];
  while (scale > 0 && rest % 10n === 0n) {
    rest /= 10n;
    scale--;
  }
  return { digits: rest, scale };
}

/**
 * The number as a count of units of 10^-`decimals`: exact where it has no more decimals than that,
 * else rounded to the nearest, halves away from zero.
 */
export function toFixedPoint(value: Decimal, decimals: number): bigint {
  if (decimals >= value.scale) return value.digits * 10n ** BigInt(decimals - value.scale);
  const unit = 10n ** BigInt(value.scale - decimals);
  const half = value.digits < 0n ? -unit / 2n : unit / 2n;
  return (value.digits + half) / unit;
}

/** The smallest number of decimals that holds every value exactly. */
export function decimalsOf(values: readonly (Decimal | null)[]): number {
  return values.reduce((most, value) => Math.max(most, value?.scale ?? 0), 0);
}

/** The decimal in plain notation, e.g. "-0.05". */
export function decimalText({ digits, scale }: Decimal): string {
  const sign = digits < 0n ? "-" : "";
  const text = (digits < 0n ? -digits : digits).toString().padStart(scale + 1, "0");
  return scale === 0 ? sign + text : `${sign}${text.slice(0, -scale)}.${text.slice(-scale)}`;
}
