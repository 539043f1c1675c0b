import fc from "fast-check";
import { expect, it } from "vitest";
import { packResidues, unpackResidues } from "./residue-packing.ts";

const count = 32;

it("gives back any residues, in exactly their bits", () => {
  const bits = fc.integer({ min: 33, max: 60 });
  fc.assert(
    fc.property(bits, fc.infiniteStream(fc.bigInt({ min: 0n, max: 2n ** 60n })), (width, stream) => {
      const modulus = 2n ** BigInt(width) - 1n;
      const residues = [...stream.take(count)].map((r) => r % modulus);
      const words = new Uint32Array(new BigUint64Array(residues).buffer);
      const packed = new Uint8Array((count * width) / 8);
      packResidues(words, count, width, packed, 0);
      // Independent reading: the whole packing is one little-endian integer.
      const whole = packed.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
      for (const [i, r] of residues.entries()) {
        expect((whole >> BigInt(i * width)) & (2n ** BigInt(width) - 1n)).toBe(r);
      }
      const back = new Uint32Array(2 * count);
      expect(unpackResidues(packed, 0, count, width, modulus, back)).toBe(true);
      expect([...new BigUint64Array(back.buffer)]).toEqual(residues);
    }),
  );
});

it("tells when a residue is not below the modulus", () => {
  const modulus = 2n ** 50n - 27n;
  for (const [value, canonical] of [
    [modulus - 1n, true],
    [modulus, false],
    [2n ** 50n - 1n, false],
  ] as const) {
    const words = new Uint32Array(new BigUint64Array(count).fill(value).buffer);
    const packed = new Uint8Array((count * 50) / 8);
    packResidues(words, count, 50, packed, 0);
    expect(unpackResidues(packed, 0, count, 50, modulus, new Uint32Array(2 * count))).toBe(canonical);
  }
});
