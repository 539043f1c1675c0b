import type {
  Accumulator,
  CiphertextBatch,
  ContainerError,
  Engine,
  Evaluator,
  Profile,
  SeededRows,
  Term,
} from "@cos/fhe";
import { packedCiphertextBytes, requireRange, requireTerms, requireWeights } from "@cos/fhe/evaluation";
import type { Result } from "@cos/protocol";
import { err, ok } from "@cos/protocol/result";
import {
  type AccumulatorHandle,
  type Addon,
  type BatchHandle,
  type CpuLevel,
  type Fault,
  loadAtLevel,
  type RowArguments,
} from "./addon.ts";

/**
 * The engine in C++: SEAL's arithmetic at the speed of memory. It evaluates only, and never sees a secret key.
 * @param level inner loops to use; the best that this CPU has where none is said
 * @returns undefined where the addon is not built or not loadable, or the CPU lacks the level
 */
export function createNativeEngine(level?: CpuLevel): Engine | undefined {
  const at = loadAtLevel(level);
  if (at === undefined) return undefined;
  const evaluators = new Map<string, Evaluator>();
  return {
    name: "native",
    evaluator: (profile) => {
      let evaluator = evaluators.get(profile.name);
      if (evaluator === undefined) {
        evaluator = new NativeEvaluator(at.addon, at.level, profile);
        evaluators.set(profile.name, evaluator);
      }
      return evaluator;
    },
  };
}

export class NativeBatch implements CiphertextBatch {
  readonly degree: 1 | 2;
  readonly count: number;
  readonly handle: BatchHandle;
  readonly #addon: Addon;

  constructor(addon: Addon, handle: BatchHandle, degree: 1 | 2) {
    this.#addon = addon;
    this.handle = handle;
    this.degree = degree;
    this.count = addon.batchCount(handle);
  }

  free(): void {
    this.#addon.batchFree(this.handle);
  }
}

class NativeEvaluator implements Evaluator {
  readonly profile: Profile;
  readonly #addon: Addon;
  readonly #ring: ReturnType<Addon["ring"]>;

  constructor(addon: Addon, level: CpuLevel, profile: Profile) {
    this.profile = profile;
    this.#addon = addon;
    this.#ring = addon.ring(level, profile.ringDegree, BigUint64Array.from(profile.primes));
  }

  expand(
    rows: SeededRows,
    ciphertext: number,
    first: number,
    count: number,
  ): Result<NativeBatch, ContainerError> {
    requireRange(first, count, rows.streamIndexes.length);
    const handle = this.#addon.batchExpand(this.#ring, ...toArguments(rows), ciphertext, first, count);
    return typeof handle === "number" ? refused(handle) : ok(new NativeBatch(this.#addon, handle, 1));
  }

  load(packed: Uint8Array, degree: 1 | 2): Result<NativeBatch, ContainerError> {
    const handle = this.#addon.batchLoad(this.#ring, packed, degree);
    return typeof handle === "number" ? refused(handle) : ok(new NativeBatch(this.#addon, handle, degree));
  }

  accumulator(degree: 1 | 2): NativeAccumulator {
    return new NativeAccumulator(
      this.#addon,
      this.#addon.accumulator(this.#ring, degree),
      this.profile,
      degree,
    );
  }

  accumulate(
    rows: SeededRows,
    first: number,
    count: number,
    terms: readonly Term[],
  ): Result<null, ContainerError> {
    requireTerms(terms);
    requireRange(first, count, rows.streamIndexes.length);
    for (const { weight } of terms)
      if (weight !== null) requireRange(weight.first, count, weight.batch.count);
    const fault = this.#addon.accumulateRows(
      this.#ring,
      ...toArguments(rows),
      first,
      count,
      Uint32Array.from(terms, (term) => term.ciphertext),
      terms.map((term) => (term.into as NativeAccumulator).handle),
      terms.map((term) => (term.weight === null ? null : (term.weight.batch as NativeBatch).handle)),
      Float64Array.from(terms, (term) => term.weight?.first ?? 0),
    );
    return fault === 0 ? ok(null) : refused(fault);
  }

  switchModulus(packed: Uint8Array, degree: 1 | 2): Result<Uint8Array, ContainerError> | undefined {
    const modSwitch = this.#addon.modSwitch(this.#ring, BigUint64Array.of(this.profile.plainModulus));
    if (modSwitch === null) return undefined;
    const kept = this.profile.primeBits.slice(0, -1).reduce((sum, bits) => sum + bits, 0);
    const out = new Uint8Array(((degree + 1) * this.profile.ringDegree * kept) / 8);
    const fault = this.#addon.modSwitchRun(modSwitch, packed, degree, out);
    return fault === 0 ? ok(out) : refused(fault);
  }
}

class NativeAccumulator implements Accumulator {
  readonly degree: 1 | 2;
  readonly handle: AccumulatorHandle;
  readonly #addon: Addon;
  readonly #profile: Profile;

  constructor(addon: Addon, handle: AccumulatorHandle, profile: Profile, degree: 1 | 2) {
    this.#addon = addon;
    this.handle = handle;
    this.#profile = profile;
    this.degree = degree;
  }

  add(terms: CiphertextBatch, first = 0, count = terms.count): void {
    requireRange(first, count, terms.count);
    accepted(this.#addon.accumulatorAdd(this.handle, handleOf(terms), first, count, false));
  }

  subtract(terms: CiphertextBatch, first = 0, count = terms.count): void {
    requireRange(first, count, terms.count);
    accepted(this.#addon.accumulatorAdd(this.handle, handleOf(terms), first, count, true));
  }

  addScaled(terms: CiphertextBatch, first: number, weights: readonly number[]): void {
    requireWeights(this.#profile, weights);
    requireRange(first, weights.length, terms.count);
    accepted(
      this.#addon.accumulatorAddScaled(this.handle, handleOf(terms), first, Float64Array.from(weights)),
    );
  }

  addProducts(
    left: CiphertextBatch,
    leftFirst: number,
    right: CiphertextBatch,
    rightFirst: number,
    count: number,
  ): void {
    requireRange(leftFirst, count, left.count);
    requireRange(rightFirst, count, right.count);
    accepted(
      this.#addon.accumulatorAddProducts(
        this.handle,
        handleOf(left),
        leftFirst,
        handleOf(right),
        rightFirst,
        count,
      ),
    );
  }

  store(): Uint8Array {
    const out = new Uint8Array(packedCiphertextBytes(this.#profile, this.degree));
    this.#addon.accumulatorStore(this.handle, out);
    return out;
  }

  free(): void {
    this.#addon.accumulatorFree(this.handle);
  }
}

const handleOf = (batch: CiphertextBatch): BatchHandle => (batch as NativeBatch).handle;

const toArguments = (rows: SeededRows): RowArguments => [
  rows.seed,
  rows.streamIndexes,
  rows.rows,
  rows.rowStride,
  rows.payloadAt,
  rows.ciphertextsPerRow,
];

/** What is wrong with bytes from outside; a failing cipher is lost infrastructure. */
function refused(fault: Fault): Result<never, ContainerError> {
  if (fault === 3) throw new Error("the cipher failed");
  const detail = fault === 2 ? "residue not below its prime" : "ciphertext size";
  return err({ code: "CONTAINER_MALFORMED", detail });
}

/** Objects of other profiles or degrees are a bug of the caller. */
function accepted(fault: Fault): void {
  if (fault !== 0) throw new TypeError("degrees or profiles do not fit");
}
