import type { Coefficients } from "./coefficients.ts";
import type { MaskPlace } from "./mask.ts";

/** Expands the masks of one block. @param residues N per prime, as pairs of 32-bit words, low word first */
export type ExpandMask = (place: Omit<MaskPlace, "prime">, residues: Uint32Array) => void;

/**
 * The steps of an encryption that take no key: what goes in is public, or is the message itself. So they need not run where
 * the key is, and an engine may take them in native code.
 */
export interface KeylessSteps {
  /** The masks under a block's seed, as `MaskStream` defines them. */
  masksUnder(seed: Uint8Array): ExpandMask;

  /**
   * Brings a message into the form of ciphertexts: its residues modulo each prime, in NTT form and SEAL's order. Coefficients
   * above t/2 stand for negative ones, as in SEAL's `transform_to_ntt`.
   * @param coefficients at most N, whole numbers below t; the others are zero. Throws on any others
   * @param residues N per prime, as pairs of 32-bit words
   */
  transform(coefficients: Coefficients, residues: Uint32Array): void;

  /** Overwrites what is left of the last message, and frees what is held. */
  free(): void;
}
