import { randomBytes } from "node:crypto";
import type { ExpandMask, KeylessSteps } from "./keyless-steps.ts";
import { type MaskPlace, seedBytes } from "./mask.ts";
import type { Profile } from "./profile.ts";

/**
 * The masks of one block that is being written. The seed comes from the system's generator and from nowhere else, and
 * each mask is given out once: places only ever ascend. A block that has to be written again gets new masks.
 */
export class FreshMasks {
  readonly #seed = new Uint8Array(randomBytes(seedBytes));
  readonly #expand: ExpandMask;
  readonly #words: Uint32Array;
  #last: readonly [streamIndex: number, ciphertext: number] = [-1, 0];

  constructor(profile: Profile, steps: KeylessSteps) {
    this.#expand = steps.masksUnder(this.#seed);
    this.#words = new Uint32Array(2 * profile.ringDegree * profile.primes.length);
  }

  /** A copy, for the header. */
  seed(): Uint8Array {
    return this.#seed.slice();
  }

  /** The mask of one ciphertext, all primes; valid until the next call. Throws on a place that is not after the last. */
  take({ streamIndex, ciphertext }: Omit<MaskPlace, "prime">): Uint32Array {
    const [lastIndex, lastCiphertext] = this.#last;
    const isAfter =
      streamIndex > lastIndex || (streamIndex === lastIndex && lastIndex >= 0 && ciphertext > lastCiphertext);
    if (!isAfter) throw new Error("a mask was asked for twice");
    this.#last = [streamIndex, ciphertext];
    this.#expand({ streamIndex, ciphertext }, this.#words);
    return this.#words;
  }
}
