import { type Cipheriv, createCipheriv } from "node:crypto";
import { freeNow } from "@cos/protocol/free-now";
import { bitLength, type Profile } from "./profile.ts";
import { takeResidues } from "./take-residues.ts";

/** Bytes of a block's public seed. */
export const seedBytes = 32;

/** Which mask of a block: stream index of the row, ciphertext within the row, number of the profile's prime. */
export type MaskPlace = { streamIndex: number; ciphertext: number; prime: number };

/** A fresh ciphertext as a block carries it: the packed first polynomial, and where its mask comes from. */
export type SeededCiphertext = Omit<MaskPlace, "prime"> & { seed: Uint8Array; packed: Uint8Array };

/** The second polynomial of a fresh ciphertext, all primes, as `MaskStream` gives each. */
export function masksOf(profile: Profile, { seed, ...place }: Omit<SeededCiphertext, "packed">): Uint32Array {
  const words = new Uint32Array(2 * profile.primes.length * profile.ringDegree);
  new MaskStream(seed).expandAll(profile, place, words);
  return words;
}

/**
 * Expands the masks of one block: residues uniform below a modulus, as pairs of 32-bit words, low word first.
 *
 * AES-256-CTR under the seed, from the counter block u32be(streamIndex) | u16be(ciphertext) | u16be(prime) | u64be(0).
 * Each 8 bytes of keystream, little-endian and cut to the modulus' bits, are one candidate; the first `count` candidates
 * below the modulus are the mask. They are the second polynomial as SEAL keeps it: NTT form, SEAL's order.
 *
 * The seed is public, so nothing here has to be constant in time.
 * @source docs/adr/0034-one-mask-per-block.md
 */
export class MaskStream {
  /** The block cipher itself: CTR mode is this over the counters, and one object serves all places of a block. */
  readonly #cipher: Cipheriv;

  constructor(seed: Uint8Array) {
    this.#cipher = createCipheriv("aes-256-ecb", seed, null).setAutoPadding(false);
  }

  /** The masks of one ciphertext, prime after prime. @param words 2 N per prime */
  expandAll({ primes, ringDegree }: Profile, place: Omit<MaskPlace, "prime">, words: Uint32Array): void {
    for (const [prime, modulus] of primes.entries()) {
      const residues = words.subarray(2 * prime * ringDegree, 2 * (prime + 1) * ringDegree);
      this.expand({ ...place, prime }, modulus, ringDegree, residues);
    }
  }

  /**
   * @param modulus of 33 to 63 bits
   * @param words 2 * `count`
   * @cost 8 bytes of keystream per residue: under our profiles a candidate fails once in 2^23 tries or less
   */
  expand(place: MaskPlace, modulus: bigint, count: number, words: Uint32Array): void {
    const bits = bitLength(modulus);
    if (bits < 33 || bits > 63) throw new RangeError("a modulus of 33 to 63 bits");
    let accepted = 0;
    for (let block = 0; accepted < count; ) {
      const blocks = Math.ceil((count - accepted) / 2);
      const stream = this.#keystream(place, block, blocks);
      block += blocks;
      const residues = takeResidues(stream, bits, modulus).subarray(0, 2 * (count - accepted));
      words.set(residues, 2 * accepted);
      accepted += residues.length / 2;
      freeNow(stream);
    }
  }

  /** Keystream of `blocks` counters from `first` on. */
  #keystream({ streamIndex, ciphertext, prime }: MaskPlace, first: number, blocks: number): Uint8Array {
    const counters = countersFrom(first, blocks);
    const upper = swap(streamIndex);
    const lower = swap(((ciphertext << 16) | prime) >>> 0);
    for (let i = 0; i < counters.length; i += 4) {
      counters[i] = upper;
      counters[i + 1] = lower;
    }
    return this.#cipher.update(new Uint8Array(counters.buffer, counters.byteOffset, counters.byteLength));
  }
}

let counterBlocks = new Uint32Array(0);

/** Counter blocks whose low halves count up from `first`; the high halves are the caller's to fill. */
function countersFrom(first: number, blocks: number): Uint32Array {
  if (first === 0 && counterBlocks.length >= 4 * blocks) return counterBlocks.subarray(0, 4 * blocks);
  const counters = new Uint32Array(4 * blocks);
  for (let i = 0; i < blocks; i += 1) counters[4 * i + 3] = swap(first + i);
  if (first === 0) counterBlocks = counters;
  return counters;
}

/** A big-endian word, on the little-endian machines that WebAssembly's hosts are. */
const swap = (value: number): number =>
  ((value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;
