import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decimalsOf, decimalText, parseDecimal, toFixedPoint } from "./decimal.ts";

const read = (text: string) => {
  const value = parseDecimal(text);
  if (typeof value === "string") throw new Error(value);
  return value;
};

describe("parseDecimal", () => {
  it.each([
    ["1.39851327495676", 139851327495676n, 14],
    ["-0.5", -5n, 1],
    ["1.500", 15n, 1],
    [".25", 25n, 2],
    ["5.", 5n, 0],
    ["+7", 7n, 0],
    ["1e-3", 1n, 3],
    ["1.5E2", 150n, 0],
    ["0.000", 0n, 0],
    ["-0", 0n, 0],
  ])("%s is %d / 10^%d", (text, digits, scale) => {
    expect(parseDecimal(text)).toEqual({ digits, scale });
  });

  it.each(["", ".", "-", "1.2.3", "0x10", "1,5", "Infinity", "1e", "1e1.5", "١", "1 2"])(
    "%j is no number",
    (text) => {
      expect(parseDecimal(text)).toBe("not a number");
    },
  );

  it.each(["1e61", "1e-61", "1e999999", "1".repeat(41)])("%s is out of range", (text) => {
    expect(parseDecimal(text)).toBe("out of range");
  });

  it("agrees with Number on everything that Number prints", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e30, max: 1e30 }), (value) => {
        fc.pre(value === 0 || Math.abs(value) > 1e-30);
        expect(Number(decimalText(read(String(value))))).toBe(value === 0 ? 0 : value);
      }),
    );
  });
});

describe("toFixedPoint", () => {
  it.each([
    ["1.25", 2, 125n],
    ["1.25", 4, 12_500n],
    ["1.25", 1, 13n],
    ["-1.25", 1, -13n],
    ["1.24", 1, 12n],
    ["-1.24", 1, -12n],
    ["0.5", 0, 1n],
    ["0.49", 0, 0n],
  ])("%s at %d decimals is %d", (text, decimals, expected) => {
    expect(toFixedPoint(read(text), decimals)).toBe(expected);
  });

  it("is exact at the decimals that hold every value", () => {
    const values = [read("1.5"), null, read("0.123"), read("7")];
    expect(decimalsOf(values)).toBe(3);
    expect(values.map((value) => value && toFixedPoint(value, 3))).toEqual([1_500n, null, 123n, 7_000n]);
    expect(decimalsOf([null])).toBe(0);
  });
});

it("decimalText is plain notation", () => {
  expect(["-0.05", "12", "1e3", "1.50"].map((text) => decimalText(read(text)))).toEqual([
    "-0.05",
    "12",
    "1000",
    "1.5",
  ]);
});
