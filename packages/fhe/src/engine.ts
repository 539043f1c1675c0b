import type { Result } from "@cos/protocol";
import type { BlockContainer } from "./block-container.ts";
import type { ContainerError } from "./framed-file.ts";
import type { Profile } from "./profile.ts";

export type EngineName = "wasm" | "native";

/**
 * What computes on ciphertexts. Engines never hold a secret key, and agree bit for bit: everything is arithmetic modulo
 * the profile's primes on canonical residues in NTT form, so order of addition, threads and machine do not matter.
 */
export interface Engine {
  readonly name: EngineName;
  /** The engine for one profile. Objects of two profiles never meet. */
  evaluator(profile: Profile): Evaluator;
}

/** Fresh ciphertexts as they lie in a block: first polynomials packed, second ones named by seed and stream index. */
export type SeededRows = {
  /** Public; 32 bytes. */
  seed: Uint8Array;
  /** One for each row. */
  streamIndexes: Uint32Array;
  /** All rows, `rowStride` bytes each; a row's packed polynomials begin at its byte `payloadAt`. */
  rows: Uint8Array;
  rowStride: number;
  payloadAt: number;
  ciphertextsPerRow: number;
};

/** The rows of an opened block, without copying. Their digests are not checked. */
export const seededRowsOf = (block: BlockContainer): SeededRows => ({
  seed: block.seed,
  streamIndexes: block.streamIndexes,
  rows: block.rows,
  rowStride: block.rowStride,
  payloadAt: block.rowStride - block.rowBytes,
  ciphertextsPerRow: block.header.ciphertextsPerRow,
});

/** One use of each row's ciphertext number `ciphertext`: added to a sum, or multiplied by a weight and then added. */
export type Term = {
  ciphertext: number;
  /** Of degree 1 without a weight, of degree 2 with one. Each term of a call has a sum of its own. */
  into: Accumulator;
  /** The batch's ciphertext `first + i` is the weight of the i-th row of the call. */
  weight: { batch: CiphertextBatch; first: number } | null;
};

export interface Evaluator {
  readonly profile: Profile;
  /** Ciphertext `ciphertext` of `count` rows from `first` on, expanded. @errors `CONTAINER_MALFORMED` */
  expand(
    rows: SeededRows,
    ciphertext: number,
    first: number,
    count: number,
  ): Result<CiphertextBatch, ContainerError>;
  /** Whole ciphertexts from their packed polynomials, one after the other. @errors `CONTAINER_MALFORMED` */
  load(packed: Uint8Array, degree: 1 | 2): Result<CiphertextBatch, ContainerError>;
  /** A sum that starts at zero. */
  accumulator(degree: 1 | 2): Accumulator;
  /**
   * Expands `count` rows from `first` on and adds them up, without keeping them.
   * @errors `CONTAINER_MALFORMED`; the sums then hold nothing of use
   */
  accumulate(
    rows: SeededRows,
    first: number,
    count: number,
    terms: readonly Term[],
  ): Result<null, ContainerError>;
  /**
   * Drops the profile's last prime, as BGV's modulus switch does; what is encrypted is multiplied by the inverse of that
   * prime modulo t.
   * @param packed one ciphertext
   * @returns its residues modulo the other primes, packed; undefined where the profile has one prime
   * @errors `CONTAINER_MALFORMED`
   */
  switchModulus(packed: Uint8Array, degree: 1 | 2): Result<Uint8Array, ContainerError> | undefined;
}

/** Expanded ciphertexts in the engine's memory; `free` them. */
export interface CiphertextBatch {
  readonly degree: 1 | 2;
  readonly count: number;
  free(): void;
}

/** A running sum. Terms must have the accumulator's degree; ranges outside a batch throw. */
export interface Accumulator {
  readonly degree: 1 | 2;
  /** Adds `count` ciphertexts from `first` on; all of them where none is said. */
  add(terms: CiphertextBatch, first?: number, count?: number): void;
  subtract(terms: CiphertextBatch, first?: number, count?: number): void;
  /** Adds `weights[i]` times term `first + i`; weights are integers with |weight| < t / 2, and may be zero. */
  addScaled(terms: CiphertextBatch, first: number, weights: readonly number[]): void;
  /** Adds the degree-2 products of `count` pairs of degree-1 ciphertexts, without relinearisation. */
  addProducts(
    left: CiphertextBatch,
    leftFirst: number,
    right: CiphertextBatch,
    rightFirst: number,
    count: number,
  ): void;
  /** Packed canonical residues: `degree + 1` polynomials. The sum can be added to afterwards. */
  store(): Uint8Array;
  free(): void;
}

/** Throws unless `first` and `count` name a range of `size` things. */
export function requireRange(first: number, count: number, size: number): void {
  const inside = Number.isInteger(first) && Number.isInteger(count) && first >= 0 && count >= 0;
  if (!inside || first + count > size) throw new RangeError(`no range ${first} + ${count} in ${size}`);
}

/** Throws unless all weights are integers with |weight| < t / 2 and below 2^31. */
export function requireWeights({ plainModulus }: Profile, weights: readonly number[]): void {
  const limit = Math.min(Number(plainModulus) / 2, 2 ** 31);
  if (!weights.every((w) => Number.isInteger(w) && Math.abs(w) < limit))
    throw new RangeError("weight out of range");
}

/** Throws unless terms and sums have the degrees that they need, and each term has a sum of its own. */
export function requireTerms(terms: readonly Term[]): void {
  for (const { into, weight } of terms) {
    if (into.degree !== (weight === null ? 1 : 2)) throw new TypeError("degrees do not fit");
    if (weight !== null && weight.batch.degree !== 1) throw new TypeError("degrees do not fit");
  }
  if (new Set(terms.map((t) => t.into)).size !== terms.length) throw new TypeError("two terms share a sum");
}
