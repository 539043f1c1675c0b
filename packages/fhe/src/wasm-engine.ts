import { err, ok, type Result } from "@cos/protocol";
import type { Ciphertext, SEALContext, Evaluator as SealEvaluator } from "node-seal/allows";
import type { Accumulator, Engine, Evaluator, EvaluatorCiphertext } from "./engine.ts";
import type { ContainerError } from "./framed-file.ts";
import { masksOf, type SeededCiphertext } from "./mask.ts";
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

class WasmCiphertext implements EvaluatorCiphertext {
  readonly degree: 1 | 2;
  readonly handle: Ciphertext;
  constructor(handle: Ciphertext, degree: 1 | 2) {
    this.handle = handle;
    this.degree = degree;
  }
  free(): void {
    this.handle.delete();
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

  expand({ packed, ...place }: SeededCiphertext): Result<WasmCiphertext, ContainerError> {
    if (packed.length !== packedPolynomialBytes(this.profile)) return malformed("ciphertext size");
    const bytes = this.#format.unpackMasked(packed, masksOf(this.profile, place));
    return bytes === undefined ? malformed("residue not below its prime") : ok(this.#adopt(bytes, 1));
  }

  load(packed: Uint8Array, degree: 1 | 2): Result<WasmCiphertext, ContainerError> {
    if (packed.length !== packedCiphertextBytes(this.profile, degree)) return malformed("ciphertext size");
    const bytes = this.#format.unpackFull(packed, degree);
    return bytes === undefined ? malformed("residue not below its prime") : ok(this.#adopt(bytes, degree));
  }

  accumulator(degree: 1 | 2): Accumulator {
    const zeros = new Uint8Array(packedCiphertextBytes(this.profile, degree));
    const bytes = this.#format.unpackFull(zeros, degree) as Uint8Array;
    return new WasmAccumulator(
      this.#seal,
      this.#context,
      this.#evaluator,
      this.#format,
      this.#adopt(bytes, degree),
    );
  }

  #adopt(sealBytes: Uint8Array, degree: 1 | 2): WasmCiphertext {
    const handle = new this.#seal.Ciphertext();
    handle.loadFromArray(this.#context, sealBytes);
    return new WasmCiphertext(handle, degree);
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
    zero: WasmCiphertext,
  ) {
    this.#seal = seal;
    this.#context = context;
    this.#evaluator = evaluator;
    this.#format = format;
    this.#sum = zero.handle;
    this.#term = new seal.Ciphertext();
    this.degree = zero.degree;
  }

  add(term: EvaluatorCiphertext): void {
    this.#evaluator.addInplace(this.#sum, this.#handleOf(term));
  }

  subtract(term: EvaluatorCiphertext): void {
    this.#evaluator.subInplace(this.#sum, this.#handleOf(term));
  }

  addScaled(term: EvaluatorCiphertext, weight: number): void {
    const t = Number(this.#format.profile.plainModulus);
    if (!Number.isInteger(weight) || Math.abs(weight) >= t / 2) throw new RangeError("weight out of range");
    if (weight === 0) return;
    // Multiplying by |weight| and then adding or subtracting keeps the noise at |weight| terms' worth.
    const plain = new this.#seal.Plaintext();
    plain.loadFromArray(this.#context, this.#format.toPlaintext(Uint32Array.of(Math.abs(weight))));
    this.#evaluator.plainTransformToNttInplace(plain, this.#sum.parmsId());
    this.#evaluator.multiplyPlain(this.#handleOf(term), plain, this.#term);
    plain.delete();
    if (weight > 0) this.#evaluator.addInplace(this.#sum, this.#term);
    else this.#evaluator.subInplace(this.#sum, this.#term);
  }

  addProduct(left: EvaluatorCiphertext, right: EvaluatorCiphertext): void {
    if (this.degree !== 2 || left.degree !== 1 || right.degree !== 1)
      throw new TypeError("degrees do not fit");
    this.#evaluator.multiply((left as WasmCiphertext).handle, (right as WasmCiphertext).handle, this.#term);
    this.#evaluator.addInplace(this.#sum, this.#term);
  }

  store(): Uint8Array {
    return this.#format.packFull(this.#sum.saveToArray(this.#seal.ComprModeType.none), this.degree);
  }

  free(): void {
    this.#sum.delete();
    this.#term.delete();
  }

  #handleOf(term: EvaluatorCiphertext): Ciphertext {
    if (term.degree !== this.degree) throw new TypeError("degrees do not fit");
    return (term as WasmCiphertext).handle;
  }
}

const malformed = (detail: string) => err({ code: "CONTAINER_MALFORMED", detail } as const);
