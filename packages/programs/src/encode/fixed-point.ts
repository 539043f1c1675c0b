import { decimalsOf, type QuantitativeTrait, toFixedPoint } from "@cos/genomics";
import { err, ok, type Result } from "@cos/protocol";
import { digitBits } from "./layout.ts";

/**
 * How a trait's decimals become whole numbers: `code = value * 10^decimals - offset`, never negative. Offset and
 * decimals are the owner's secret: they would say where the values lie.
 */
export type FixedPoint = { decimals: number; offset: bigint; valueDigits: number; squareDigits: number };

/** Codes stay below 2^59, so that their squares fit seven digits: more than a double's 53 bits. */
const maxCodeBits = 59;

/**
 * Chooses an exact encoding: every decimal that the values have (fewer only beyond 59 bits of range), with half the
 * range to spare on either side for people who come later.
 */
export function chooseFixedPoint(trait: QuantitativeTrait): FixedPoint {
  for (let decimals = decimalsOf(trait.values); ; decimals -= 1) {
    const codes = trait.values.flatMap((v) => (v === null ? [] : [toFixedPoint(v, decimals)]));
    codes.sort((a, b) => (a === b ? 0 : a < b ? -1 : 1));
    const [low = 0n, high = low] = [codes[0], codes.at(-1)];
    const spare = (high - low) / 2n + 1n;
    const bits = (high - low + 2n * spare).toString(2).length;
    if (bits > maxCodeBits) continue;
    return {
      decimals,
      offset: low - spare,
      valueDigits: Math.ceil(bits / digitBits),
      squareDigits: Math.ceil((2 * bits) / digitBits),
    };
  }
}

/**
 * A person's column values: presence, digits of the code, digits of its square; all zero when missing.
 * @errors `TRAIT_OUT_OF_RANGE` when the value does not fit the dataset's encoding
 */
export function encodeValue(
  value: QuantitativeTrait["values"][number],
  { decimals, offset, valueDigits, squareDigits }: FixedPoint,
): Result<number[], { code: "TRAIT_OUT_OF_RANGE" }> {
  if (value === null) return ok(new Array<number>(1 + valueDigits + squareDigits).fill(0));
  const code = toFixedPoint(value, decimals) - offset;
  const square = code * code;
  const fits =
    code >= 0n &&
    code < 1n << BigInt(valueDigits * digitBits) &&
    square < 1n << BigInt(squareDigits * digitBits);
  if (!fits) return err({ code: "TRAIT_OUT_OF_RANGE" });
  return ok([1, ...digitsOf(code, valueDigits), ...digitsOf(square, squareDigits)]);
}

const digitsOf = (code: bigint, count: number): number[] =>
  Array.from({ length: count }, (_, i) =>
    Number((code >> BigInt(i * digitBits)) & ((1n << BigInt(digitBits)) - 1n)),
  );

/** Sums of codes -> sums of values in units of 10^-decimals, exactly: y = code + offset. */
export function withOffset(
  { offset }: FixedPoint,
  sums: { n: bigint; g: bigint; y: bigint; yy: bigint; gy: bigint },
): { y: bigint; yy: bigint; gy: bigint } {
  return {
    y: sums.y + sums.n * offset,
    yy: sums.yy + 2n * offset * sums.y + sums.n * offset * offset,
    gy: sums.gy + offset * sums.g,
  };
}
