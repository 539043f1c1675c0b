import { expect, it } from "vitest";
import { PieceMemory } from "./piece-memory.ts";

const mebibyte = 2 ** 20;
const filled = (length: number, value: number) => new Uint8Array(length).fill(value);

it("joins pieces, small and large", () => {
  const memory = new PieceMemory();
  expect([...memory.join([Uint8Array.of(1, 2), Uint8Array.of(3)])]).toEqual([1, 2, 3]);
  const large = memory.join([filled(mebibyte, 4), Uint8Array.of(5)]);
  expect([large.length, large[0], large[mebibyte - 1], large[mebibyte]]).toEqual([mebibyte + 1, 4, 4, 5]);
});

it("uses a large piece's memory again for the third after it, and not before", () => {
  const memory = new PieceMemory();
  const pieces = [1, 2, 3, 4].map((value) => {
    memory.join([filled(1_000, 9)]); // small ones have memory of their own
    return memory.join([filled(2 * mebibyte - value, value)]);
  });
  expect(new Set(pieces.map(({ buffer }) => buffer)).size).toBe(3);
  expect(pieces[3]?.buffer).toBe(pieces[0]?.buffer);
  expect(pieces.map((piece) => piece[0])).toEqual([4, 2, 3, 4]);
  expect(pieces[3]).toHaveLength(2 * mebibyte - 4);
});

it("takes new memory where the oldest is too short", () => {
  const memory = new PieceMemory();
  const pieces = [1, 1, 1, 2].map((size) => memory.join([filled(size * mebibyte, size)]));
  expect(pieces.map((piece) => piece[0])).toEqual([1, 1, 1, 2]);
});
