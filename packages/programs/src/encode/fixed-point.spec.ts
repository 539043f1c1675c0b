import { type Decimal, type QuantitativeTrait, toFixedPoint } from "@cos/genomics";
import { unwrap } from "@cos/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chooseFixedPoint, encodeValue, withOffset } from "./fixed-point.ts";
import { digitBits } from "./layout.ts";

const trait = (values: (Decimal | null)[]): QuantitativeTrait => ({
  kind: "quantitative",
  name: "t",
  values,
});
const decimal = fc.record({
  digits: fc.bigInt({ min: -(10n ** 16n), max: 10n ** 16n }),
  scale: fc.nat(15),
});
const join = (digits: readonly number[]): bigint =>
  digits.reduceRight((sum, digit) => (sum << BigInt(digitBits)) + BigInt(digit), 0n);

describe("the fixed-point encoding", () => {
  it("holds 15 decimals exactly, in columns of 17 bits", () => {
    const values = [1_398_513_274_954_760n, -369_392_591_362_639n].map((digits) => ({ digits, scale: 15 }));
    const chosen = chooseFixedPoint(trait(values));
    expect(chosen.decimals).toBe(15);
    for (const value of values) {
      const [present, ...digits] = unwrap(encodeValue(value, chosen));
      const code = join(digits.slice(0, chosen.valueDigits));
      expect(present).toBe(1);
      expect(code + chosen.offset).toBe(value.digits);
      expect(join(digits.slice(chosen.valueDigits))).toBe(code * code);
      expect(digits.every((d) => d >= 0 && d < 2 ** digitBits)).toBe(true);
    }
  });

  it("gives back every value, exactly or rounded to the chosen decimals, squares included", () => {
    fc.assert(
      fc.property(fc.array(fc.option(decimal), { minLength: 1, maxLength: 20 }), (values) => {
        const chosen = chooseFixedPoint(trait(values));
        expect(chosen.squareDigits).toBeLessThanOrEqual(7);
        for (const value of values) {
          const [present, ...digits] = unwrap(encodeValue(value, chosen));
          expect(present).toBe(value === null ? 0 : 1);
          if (value === null) {
            expect(digits.every((d) => d === 0)).toBe(true);
            continue;
          }
          const code = join(digits.slice(0, chosen.valueDigits));
          expect(code + chosen.offset).toBe(toFixedPoint(value, chosen.decimals));
          expect(join(digits.slice(chosen.valueDigits))).toBe(code * code);
        }
      }),
    );
  });

  it("has half the range to spare for people who come later, and refuses what lies outside", () => {
    const chosen = chooseFixedPoint(trait([0n, 100n].map((digits) => ({ digits, scale: 0 }))));
    expect(encodeValue({ digits: -50n, scale: 0 }, chosen).ok).toBe(true);
    expect(encodeValue({ digits: 150n, scale: 0 }, chosen).ok).toBe(true);
    expect(encodeValue({ digits: -52n, scale: 0 }, chosen)).toMatchObject({
      error: { code: "TRAIT_OUT_OF_RANGE" },
    });
    expect(encodeValue({ digits: 10n ** 9n, scale: 0 }, chosen).ok).toBe(false);
  });

  it("takes the secret offset out of sums exactly", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.bigInt({ min: -1_000n, max: 1_000n }), fc.constantFrom(0n, 1n, 2n)), {
          minLength: 1,
        }),
        (people) => {
          const chosen = chooseFixedPoint(trait(people.map(([digits]) => ({ digits, scale: 0 }))));
          const sum = (f: (y: bigint, g: bigint) => bigint) => people.reduce((s, [y, g]) => s + f(y, g), 0n);
          const code = (y: bigint) => y - chosen.offset;
          const coded = {
            n: BigInt(people.length),
            g: sum((_, g) => g),
            y: sum((y) => code(y)),
            yy: sum((y) => code(y) ** 2n),
            gy: sum((y, g) => g * code(y)),
          };
          expect(withOffset(chosen, coded)).toEqual({
            y: sum((y) => y),
            yy: sum((y) => y * y),
            gy: sum((y, g) => g * y),
          });
        },
      ),
    );
  });
});
