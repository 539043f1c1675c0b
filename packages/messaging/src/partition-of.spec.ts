import { expect, it } from "vitest";
import { partitionOf } from "./partition-of.ts";

it("is FNV-1a, whose published 32-bit values are 0x811c9dc5, 0xe40c292c and 0xbf9cf968", () => {
  const whole = 2 ** 32;
  expect(partitionOf("", whole)).toBe(0x811c9dc5);
  expect(partitionOf("a", whole)).toBe(0xe40c292c);
  expect(partitionOf("foobar", whole)).toBe(0xbf9cf968);
  expect(partitionOf("foobar", 8)).toBe(0); // 0xbf9cf968 ends in three zero bits
});
