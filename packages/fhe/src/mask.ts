import { createCipheriv } from "node:crypto";
import { bitLength, type Profile } from "./profile.ts";

/** Bytes of a block's public seed. */
export const seedBytes = 32;

/** Which mask of a block: stream index of the row, ciphertext within the row, number of the profile's prime. */
export type MaskPlace = { streamIndex: number; ciphertext: number; prime: number };

/** A fresh ciphertext as a block carries it: the packed first polynomial, and where its mask comes from. */
export type SeededCiphertext = Omit<MaskPlace, "prime"> & { seed: Uint8Array; packed: Uint8Array };

/** The second polynomial of a fresh ciphertext, all primes, as `expandMask` gives each. */
export function masksOf(
  { primes, ringDegree }: Profile,
  { seed, streamIndex, ciphertext }: Omit<SeededCiphertext, "packed">,
): Uint32Array {
  const words = new Uint32Array(2 * primes.length * ringDegree);
  for (const [prime, modulus] of primes.entries()) {
    const residues = words.subarray(2 * prime * ringDegree, 2 * (prime + 1) * ringDegree);
    expandMask(seed, { streamIndex, ciphertext, prime }, modulus, ringDegree, residues);
  }
  return words;
}

/**
 * Expands one mask: `count` residues, uniform below `modulus`, as pairs of 32-bit words, low word first.
 *
 * AES-256-CTR under the seed, from the counter block u32be(streamIndex) | u16be(ciphertext) | u16be(prime) | u64be(0).
 * Each 8 bytes of keystream, little-endian and cut to the modulus' bits, are one candidate; the first `count` candidates
 * below the modulus are the mask. They are the second polynomial as SEAL keeps it: NTT form, SEAL's order.
 *
 * The seed is public, so nothing here has to be constant in time.
 * @cost about 8 bytes of keystream per residue: a candidate fails once in 2^16 tries or less under our profiles
 * @source docs/adr/0034-one-mask-per-block.md
 */
export function expandMask(
  seed: Uint8Array,
  place: MaskPlace,
  modulus: bigint,
  count: number,
  words: Uint32Array,
): void {
  const keystream = createCipheriv("aes-256-ctr", seed, counterBlock(place));
  const highBits = bitLength(modulus) - 32;
  if (highBits < 1 || highBits > 31) throw new RangeError("a modulus of 33 to 63 bits");
  const highMask = 2 ** highBits - 1;
  const modulusLow = Number(modulus & 0xffffffffn);
  const modulusHigh = Number(modulus >> 32n);
  let accepted = 0;
  while (accepted < count) {
    const stream = keystream.update(zeros(8 * (count - accepted)));
    const candidates = new Uint32Array(stream.buffer, stream.byteOffset, stream.length / 4);
    for (let i = 0; i < candidates.length; i += 2) {
      const low = candidates[i] as number;
      const high = (candidates[i + 1] as number) & highMask;
      if (high > modulusHigh || (high === modulusHigh && low >= modulusLow)) continue;
      words[2 * accepted] = low;
      words[2 * accepted + 1] = high;
      accepted += 1;
    }
  }
}

function counterBlock({ streamIndex, ciphertext, prime }: MaskPlace): Uint8Array {
  const block = Buffer.alloc(16);
  block.writeUInt32BE(streamIndex, 0);
  block.writeUInt16BE(ciphertext, 4);
  block.writeUInt16BE(prime, 6);
  return block;
}

let zeroBytes = new Uint8Array(1 << 15);

function zeros(size: number): Uint8Array {
  if (zeroBytes.length < size) zeroBytes = new Uint8Array(size);
  return zeroBytes.subarray(0, size);
}
