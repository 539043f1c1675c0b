const SIGNIFICANT = 4;
/** Half a unit is a tie when it is this near, so that ties survive the rounding errors of binary fractions. */
const TIE_TOLERANCE = 5e-11;

/**
 * A number as PLINK 1.9's association tables print it: four significant digits, trailing zeros dropped, ties to even,
 * scientific with at least two digits of exponent below 0.0001 and from 10,000 on; `NA` for null, `inf`, `-inf`, `nan`.
 *
 * @source `%g` of the C standard with precision 4, and the ties as v1.90b6.26 prints them
 */
export function plinkNumber(value: number | null): string {
  if (value === null) return "NA";
  if (Number.isNaN(value)) return "nan";
  if (value === 0) return "0";
  const sign = value < 0 ? "-" : "";
  const magnitude = Math.abs(value);
  if (magnitude === Number.POSITIVE_INFINITY) return `${sign}inf`;
  const { digits, exponent } = roundToDigits(magnitude);
  return (
    sign + (exponent < -4 || exponent >= SIGNIFICANT ? scientific(digits, exponent) : plain(digits, exponent))
  );
}

/** `digits` (a whole number of four digits) and `exponent` such that the value is about d.ddd * 10^exponent. */
function roundToDigits(magnitude: number): { digits: number; exponent: number } {
  const [mantissa, power] = magnitude.toExponential(18).split("e") as [string, string];
  const scaled = Number(mantissa) * 10 ** (SIGNIFICANT - 1);
  const floor = Math.floor(scaled);
  const fraction = scaled - floor;
  const tie = Math.abs(fraction - 0.5) < TIE_TOLERANCE;
  const digits = floor + Number(tie ? floor % 2 === 1 : fraction > 0.5);
  const exponent = Number(power);
  return digits === 10 ** SIGNIFICANT
    ? { digits: digits / 10, exponent: exponent + 1 }
    : { digits, exponent };
}

function scientific(digits: number, exponent: number): string {
  const text = String(digits);
  const fraction = text.slice(1).replace(/0+$/, "");
  const size = String(Math.abs(exponent)).padStart(2, "0");
  return `${text[0]}${fraction === "" ? "" : `.${fraction}`}e${exponent < 0 ? "-" : "+"}${size}`;
}

function plain(digits: number, exponent: number): string {
  const text = String(digits).padStart(SIGNIFICANT + Math.max(0, -exponent), "0");
  const point = text.length - (SIGNIFICANT - 1) + exponent;
  const whole = exponent < 0 ? "0" : text.slice(0, point);
  const fraction = (exponent < 0 ? text.slice(1) : text.slice(point)).replace(/0+$/, "");
  return fraction === "" ? whole : `${whole}.${fraction}`;
}
