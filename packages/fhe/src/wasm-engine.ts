import type { Result } from "@cos/protocol";
import { err, ok } from "@cos/protocol/result";
import type { Ciphertext, SEALContext, Evaluator as SealEvaluator } from "node-seal/allows";
import {
  type Accumulator,
  type CiphertextBatch,
  type Engine,
  type Evaluator,
  requireRange,
  requireTerms,
  requireWeights,
  type SeededRows,
  type Term,
} from "./engine.ts";
import type { ContainerError } from "./framed-file.ts";
import { masksOf, seedBytes } from "./mask.ts";
import { type Profile, packedCiphertextBytes, packedPolynomialBytes } from "./profile.ts";
import { loadSeal, type Seal, toSealContext } from "./seal.ts";
import { SealFormat } from "./seal-format.ts";

/** The engine that works everywhere: SEAL's evaluator in WebAssembly. One per thread. */
export async function createWasmEngine(): Promise<Engine> {
  const seal = await loadSeal();
  const evaluators = new Map<string, Evaluator>();
  return {
    name: "wasm",
    evaluator: (profile) => {
      let evaluator = evaluators.get(profile.name);
      if (evaluator === undefined) {
        evaluator = new WasmEvaluator(seal, profile);
        evaluators.set(profile.name, evaluator);
      }
      return evaluator;
    },
  };
}

class WasmBatch implements CiphertextBatch {
  readonly degree: 1 | 2;
  readonly handles: readonly Ciphertext[];
  constructor(handles: readonly Ciphertext[], degree: 1 | 2) {
    this.handles = handles;
    this.degree = degree;
  }
  get count(): number {
    return this.handles.length;
  }
  range(first: number, count: number): readonly Ciphertext[] {
    requireRange(first, count, this.count);
    return this.handles.slice(first, first + count);
  }
  free(): void {
    for (const handle of this.handles) handle.delete();
  }
}

class WasmEvaluator implements Evaluator {
  readonly profile: Profile;
  readonly #seal: Seal;
  readonly #context: SEALContext;
  readonly #evaluator: SealEvaluator;
  readonly #format: SealFormat;

  constructor(seal: Seal, profile: Profile) {
    this.profile = profile;
    this.#seal = seal;
    this.#context = toSealContext(seal, profile);
    this.#evaluator = new seal.Evaluator(this.#context);
    this.#format = new SealFormat(seal, this.#context, profile);
  }

  expand(
    rows: SeededRows,
    ciphertext: number,
    first: number,
    count: number,
  ): Result<WasmBatch, ContainerError> {
    if (!this.#holds(rows, ciphertext)) return malformed("ciphertext size");
    requireRange(first, count, rows.streamIndexes.length);
    const handles: Ciphertext[] = [];
    for (let row = first; row < first + count; row += 1) {
      const handle = this.#expandOne(rows, ciphertext, row);
      if (!handle.ok) {
        new WasmBatch(handles, 1).free();
        return handle;
      }
      handles.push(handle.value);
    }
    return ok(new WasmBatch(handles, 1));
  }

  load(packed: Uint8Array, degree: 1 | 2): Result<WasmBatch, ContainerError> {
    const size = packedCiphertextBytes(this.profile, degree);
    if (packed.length % size !== 0) return malformed("ciphertext size");
    const handles: Ciphertext[] = [];
    for (let at = 0; at < packed.length; at += size) {
      const bytes = this.#format.unpackFull(packed.subarray(at, at + size), degree);
      if (bytes === undefined) {
        new WasmBatch(handles, degree).free();
        return malformed("residue not below its prime");
      }
      handles.push(this.#adopt(bytes));
    }
    return ok(new WasmBatch(handles, degree));
  }

  accumulator(degree: 1 | 2): WasmAccumulator {
    const zeros = new Uint8Array(packedCiphertextBytes(this.profile, degree));
    const zero = this.#adopt(this.#format.unpackFull(zeros, degree) as Uint8Array);
    return new WasmAccumulator(this.#seal, this.#context, this.#evaluator, this.#format, zero, degree);
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
    const byCiphertext = Map.groupBy(terms, (term) => term.ciphertext);
    for (const [ciphertext, uses] of byCiphertext) {
      if (!this.#holds(rows, ciphertext)) return malformed("ciphertext size");
      for (let i = 0; i < count; i += 1) {
        const handle = this.#expandOne(rows, ciphertext, first + i);
        if (!handle.ok) return handle;
        for (const { into, weight } of uses) {
          const sum = into as WasmAccumulator;
          if (weight === null) sum.addOne(handle.value);
          else
            sum.addOneProduct(
              handle.value,
              (weight.batch as WasmBatch).handles[weight.first + i] as Ciphertext,
            );
        }
        handle.value.delete();
      }
    }
    return ok(null);
  }

  switchModulus(packed: Uint8Array, degree: 1 | 2): Result<Uint8Array, ContainerError> | undefined {
    if (this.profile.primes.length < 2) return undefined;
    if (packed.length !== packedCiphertextBytes(this.profile, degree)) return malformed("ciphertext size");
    const bytes = this.#format.unpackFull(packed, degree);
    if (bytes === undefined) return malformed("residue not below its prime");
    const handle = this.#adopt(bytes);
    const next = new this.#seal.Ciphertext();
    this.#evaluator.cipherModSwitchToNext(handle, next);
    const out = this.#format.packFull(next.saveToArray(this.#seal.ComprModeType.none), degree, 1);
    handle.delete();
    next.delete();
    return ok(out);
  }

  #holds(rows: SeededRows, ciphertext: number): boolean {
    const { ciphertextsPerRow, rowStride, payloadAt, streamIndexes } = rows;
    return (
      rows.seed.length === seedBytes &&
      Number.isInteger(ciphertext) &&
      ciphertext >= 0 &&
      ciphertext < ciphertextsPerRow &&
      payloadAt >= 0 &&
      payloadAt + ciphertextsPerRow * packedPolynomialBytes(this.profile) <= rowStride &&
      rows.rows.length === streamIndexes.length * rowStride
    );
  }

  #expandOne(rows: SeededRows, ciphertext: number, row: number): Result<Ciphertext, ContainerError> {
    const size = packedPolynomialBytes(this.profile);
    const at = row * rows.rowStride + rows.payloadAt + ciphertext * size;
    const streamIndex = rows.streamIndexes[row] as number;
    const masks = masksOf(this.profile, { seed: rows.seed, streamIndex, ciphertext });
    const bytes = this.#format.unpackMasked(rows.rows.subarray(at, at + size), masks);
    return bytes === undefined ? malformed("residue not below its prime") : ok(this.#adopt(bytes));
  }

  #adopt(sealBytes: Uint8Array): Ciphertext {
    const handle = new this.#seal.Ciphertext();
    handle.loadFromArray(this.#context, sealBytes);
    return handle;
  }
}

class WasmAccumulator implements Accumulator {
  readonly degree: 1 | 2;
  readonly #seal: Seal;
  readonly #context: SEALContext;
  readonly #evaluator: SealEvaluator;
  readonly #format: SealFormat;
  readonly #sum: Ciphertext;
  readonly #term: Ciphertext;

  constructor(
    seal: Seal,
    context: SEALContext,
    evaluator: SealEvaluator,
    format: SealFormat,
    zero: Ciphertext,
    degree: 1 | 2,
  ) {
    this.#seal = seal;
    this.#context = context;
    this.#evaluator = evaluator;
    this.#format = format;
    this.#sum = zero;
    this.#term = new seal.Ciphertext();
    this.degree = degree;
  }

  add(terms: CiphertextBatch, first = 0, count = terms.count): void {
    for (const term of this.#range(terms, first, count)) this.addOne(term);
  }

  subtract(terms: CiphertextBatch, first = 0, count = terms.count): void {
    for (const term of this.#range(terms, first, count)) this.#evaluator.subInplace(this.#sum, term);
  }

  addScaled(terms: CiphertextBatch, first: number, weights: readonly number[]): void {
    requireWeights(this.#format.profile, weights);
    for (const [i, term] of this.#range(terms, first, weights.length).entries()) {
      this.#addScaledOne(term, weights[i] as number);
    }
  }

  addProducts(
    left: CiphertextBatch,
    leftFirst: number,
    right: CiphertextBatch,
    rightFirst: number,
    count: number,
  ): void {
    if (this.degree !== 2 || left.degree !== 1 || right.degree !== 1)
      throw new TypeError("degrees do not fit");
    const rights = (right as WasmBatch).range(rightFirst, count);
    for (const [i, term] of (left as WasmBatch).range(leftFirst, count).entries()) {
      this.addOneProduct(term, rights[i] as Ciphertext);
    }
  }

  addOne(term: Ciphertext): void {
    this.#evaluator.addInplace(this.#sum, term);
  }

  addOneProduct(left: Ciphertext, right: Ciphertext): void {
    this.#evaluator.multiply(left, right, this.#term);
    this.#evaluator.addInplace(this.#sum, this.#term);
  }

  #addScaledOne(term: Ciphertext, weight: number): void {
    if (weight === 0) return;
    // Multiplying by |weight| and then adding or subtracting keeps the noise at |weight| terms' worth.
    const plain = new this.#seal.Plaintext();
    plain.loadFromArray(this.#context, this.#format.toPlaintext(Uint32Array.of(Math.abs(weight))));
    this.#evaluator.plainTransformToNttInplace(plain, this.#sum.parmsId());
    this.#evaluator.multiplyPlain(term, plain, this.#term);
    plain.delete();
    if (weight > 0) this.#evaluator.addInplace(this.#sum, this.#term);
    else this.#evaluator.subInplace(this.#sum, this.#term);
  }

  store(): Uint8Array {
    return this.#format.packFull(this.#sum.saveToArray(this.#seal.ComprModeType.none), this.degree);
  }

  free(): void {
    this.#sum.delete();
    this.#term.delete();
  }

  #range(terms: CiphertextBatch, first: number, count: number): readonly Ciphertext[] {
    if (terms.degree !== this.degree) throw new TypeError("degrees do not fit");
    return (terms as WasmBatch).range(first, count);
  }
}

const malformed = (detail: string) => err({ code: "CONTAINER_MALFORMED", detail } as const);
