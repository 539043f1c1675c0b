import { createCipheriv } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type MaskPlace, MaskStream } from "./mask.ts";
import { countsProfile, sumsProfile } from "./profiles.ts";

/** The specification word by word: counter mode by Node's own cipher, 64-bit integers, one candidate at a time. */
function byTheBook(seed: Uint8Array, place: MaskPlace, modulus: bigint, count: number): bigint[] {
  const counter = Buffer.alloc(16);
  counter.writeUInt32BE(place.streamIndex, 0);
  counter.writeUInt16BE(place.ciphertext, 4);
  counter.writeUInt16BE(place.prime, 6);
  const keystream = createCipheriv("aes-256-ctr", seed, counter);
  const bits = BigInt(modulus.toString(2).length);
  const residues: bigint[] = [];
  while (residues.length < count) {
    const candidate = keystream.update(Buffer.alloc(8)).readBigUInt64LE() & ((1n << bits) - 1n);
    if (candidate < modulus) residues.push(candidate);
  }
  return residues;
}

function expand(seed: Uint8Array, place: MaskPlace, modulus: bigint, count: number): bigint[] {
  const words = new Uint32Array(2 * count);
  new MaskStream(seed).expand(place, modulus, count, words);
  return [...new BigUint64Array(words.buffer)];
}

const places = fc.record({
  streamIndex: fc.nat(0xffff_ffff),
  ciphertext: fc.nat(255),
  prime: fc.nat(3),
});
const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe("MaskStream", () => {
  it("is AES-256-CTR, cut and rejected as the specification says, for any modulus", () => {
    // From 2^33 to 2^63: just above a power of two, half of all candidates fail.
    const moduli = fc
      .integer({ min: 33, max: 62 })
      .chain((bits) => fc.bigInt({ min: 1n << BigInt(bits - 1), max: (1n << BigInt(bits)) - 1n }));
    fc.assert(
      fc.property(seeds, places, moduli, fc.integer({ min: 1, max: 90 }), (seed, place, modulus, count) => {
        expect(expand(seed, place, modulus, count)).toEqual(byTheBook(seed, place, modulus, count));
      }),
    );
    const worst = (1n << 40n) + 1n;
    const place = { streamIndex: 1, ciphertext: 2, prime: 0 };
    expect(expand(new Uint8Array(32), place, worst, 2048)).toEqual(
      byTheBook(new Uint8Array(32), place, worst, 2048),
    );
  });

  it("serves our profiles, one place after another from one stream", () => {
    for (const profile of [countsProfile, sumsProfile]) {
      const seed = new Uint8Array(32).fill(7);
      const stream = new MaskStream(seed);
      for (const streamIndex of [0, 5, 0xffff_ffff]) {
        const words = new Uint32Array(2 * profile.ringDegree * profile.primes.length);
        stream.expandAll(profile, { streamIndex, ciphertext: 1 }, words);
        const expected = profile.primes.flatMap((prime, i) =>
          byTheBook(seed, { streamIndex, ciphertext: 1, prime: i }, prime, profile.ringDegree),
        );
        expect([...new BigUint64Array(words.buffer)]).toEqual(expected);
      }
    }
  });

  it("starts from the keystream that OpenSSL's command line gives", () => {
    // printf '00%.0s' {1..32} | xxd -r -p | openssl enc -aes-256-ctr -K 0001…1e1f -iv 00000102030405060000000000000000
    const seed = Uint8Array.from({ length: 32 }, (_, i) => i);
    const place = { streamIndex: 0x0000_0102, ciphertext: 0x0304, prime: 0x0506 };
    expect(expand(seed, place, (1n << 62n) - 1n, 4)).toEqual(opensslWords);
  });
});

/** The first 32 bytes of that keystream as little-endian words, cut to 62 bits. */
const opensslWords = [0x64ac848f34037fdn, 0x31b15df28ef5361n, 0x43c67605f61f751n, 0x31c3fe9890324632n];
