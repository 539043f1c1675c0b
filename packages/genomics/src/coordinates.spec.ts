import fc from "fast-check";
import { expect, it } from "vitest";
import { firstPosition, MAX_POSITION, parsePosition, toInterval, toPosition } from "./coordinates.ts";

it("a position is a whole number from 1 to 2^31-2", () => {
  expect([0, 1, 1.5, MAX_POSITION, MAX_POSITION + 1].map((value) => toPosition(value))).toEqual([
    undefined,
    1,
    undefined,
    2_147_483_646,
    undefined,
  ]);
});

it("the three bases from position 100 on are the interval 99..102", () => {
  expect(toInterval(toPosition(100)!, 3)).toEqual({ start: 99, end: 102 });
  expect(() => toInterval(toPosition(100)!, -1)).toThrow(RangeError);
});

it("the bridge leads back", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: MAX_POSITION }), fc.nat(1_000), (value, length) => {
      expect(firstPosition(toInterval(toPosition(value)!, length))).toBe(value);
    }),
  );
});

it.each([
  ["0", 0],
  ["12", 12],
  ["2147483647", undefined],
  ["-1", undefined],
  ["1e3", undefined],
  [" 1", undefined],
  ["", undefined],
])("the text %j reads as %j", (text, expected) => {
  expect(parsePosition(text)).toBe(expected);
});
