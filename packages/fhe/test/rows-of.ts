import { type SeededCiphertext, type SeededRows, seedBytes } from "../src/index.ts";

/** One fresh ciphertext as the only row of a block, at its own number; zeros stand before it. */
export function rowOf({ seed, streamIndex, ciphertext, packed }: SeededCiphertext): SeededRows {
  const rows = new Uint8Array((ciphertext + 1) * packed.length);
  rows.set(packed, ciphertext * packed.length);
  return {
    seed: seed.slice(0, seedBytes),
    streamIndexes: Uint32Array.of(streamIndex),
    rows,
    rowStride: rows.length,
    payloadAt: 0,
    ciphertextsPerRow: ciphertext + 1,
  };
}
