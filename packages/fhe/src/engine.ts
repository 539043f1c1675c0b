import type { Result } from "@cos/protocol";
import type { ContainerError } from "./framed-file.ts";
import type { SeededCiphertext } from "./mask.ts";
import type { Profile } from "./profile.ts";

/**
 * What computes on ciphertexts. Engines never hold a secret key, and agree bit for bit: everything is arithmetic modulo
 * the profile's primes on canonical residues in NTT form, so order of addition, threads and machine do not matter.
 */
export interface Engine {
  readonly name: "wasm" | "native";
  /** The engine for one profile. Objects of two profiles never meet. */
  evaluator(profile: Profile): Evaluator;
}

export interface Evaluator {
  readonly profile: Profile;
  /** A fresh ciphertext from its packed first polynomial and its mask. @errors `CONTAINER_MALFORMED` */
  expand(seeded: SeededCiphertext): Result<EvaluatorCiphertext, ContainerError>;
  /** A whole ciphertext from its packed polynomials. @errors `CONTAINER_MALFORMED` */
  load(packed: Uint8Array, degree: 1 | 2): Result<EvaluatorCiphertext, ContainerError>;
  /** A sum that starts at zero. */
  accumulator(degree: 1 | 2): Accumulator;
}

/** Expanded ciphertext in the engine's memory; `free` it. */
export interface EvaluatorCiphertext {
  readonly degree: 1 | 2;
  free(): void;
}

/** A running sum. Terms must have the accumulator's degree. */
export interface Accumulator {
  readonly degree: 1 | 2;
  add(term: EvaluatorCiphertext): void;
  subtract(term: EvaluatorCiphertext): void;
  /** Adds `weight` times the term; the weight is an integer with |weight| < t / 2 and may be zero. */
  addScaled(term: EvaluatorCiphertext, weight: number): void;
  /** Adds the degree-2 product of two degree-1 ciphertexts, without relinearisation. */
  addProduct(left: EvaluatorCiphertext, right: EvaluatorCiphertext): void;
  /** Packed canonical residues: `degree + 1` polynomials. */
  store(): Uint8Array;
  free(): void;
}
