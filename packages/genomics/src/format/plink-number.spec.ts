import fc from "fast-check";
import { expect, it } from "vitest";
import { plinkNumber } from "./plink-number.ts";

it.each([
  [null, "NA"],
  [Number.NaN, "nan"],
  [Number.POSITIVE_INFINITY, "inf"],
  [Number.NEGATIVE_INFINITY, "-inf"],
  [0, "0"],
  [1, "1"],
  [-0.5, "-0.5"],
  [1 / 3, "0.3333"],
  [209.6, "209.6"],
  [1234, "1234"],
  [9999.4, "9999"],
  [9999.6, "1e+04"],
  [23_480, "2.348e+04"],
  [1_188_000, "1.188e+06"],
  [0.0001, "0.0001"],
  [0.000_099_996, "0.0001"],
  [0.000_099_99, "9.999e-05"],
  [0.0001412, "0.0001412"],
  [4.8352e-6, "4.835e-06"],
  [1.725e-308, "1.725e-308"],
  [1e100, "1e+100"],
])("%d is printed as %s", (value, text) => {
  expect(plinkNumber(value)).toBe(text);
});

it.each([
  [13 / 32, "0.4062"], // 0.40625, exact in binary
  [11 / 32, "0.3438"], // 0.34375
  [2469 / 20_000, "0.1234"], // 0.12345 is a little more in binary; PLINK still takes it for a tie
  [0.065895, "0.0659"],
  [0.065885, "0.06588"],
  [1.0005, "1"],
  [1.0015, "1.002"],
])("the tie %d goes to the even digit: %s", (value, text) => {
  expect(plinkNumber(value)).toBe(text);
});

it("prints a number within half a unit of its fourth digit", () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-300, max: 1e300, noNaN: true }), (value) => {
      expect(Math.abs(Number(plinkNumber(value)) / value - 1)).toBeLessThan(5.001e-4);
      expect(plinkNumber(-value)).toBe(`-${plinkNumber(value)}`);
    }),
  );
});
