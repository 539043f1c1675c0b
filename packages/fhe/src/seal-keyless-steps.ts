import { freeNow } from "@cos/protocol/free-now";
import type { Evaluator, ParmsIdType, Plaintext, SEALContext } from "node-seal/allows";
import type { Coefficients } from "./coefficients.ts";
import type { ExpandMask, KeylessSteps } from "./keyless-steps.ts";
import { MaskStream } from "./mask.ts";
import type { Profile } from "./profile.ts";
import { loadSeal, type Seal, toSealContext } from "./seal.ts";
import { SealFormat } from "./seal-format.ts";

/** The keyless steps where there is no native engine: Node's cipher, and SEAL's own transform. */
export async function createSealSteps(profile: Profile): Promise<KeylessSteps> {
  return new SealSteps(await loadSeal(), profile);
}

class SealSteps implements KeylessSteps {
  readonly #seal: Seal;
  readonly #profile: Profile;
  readonly #context: SEALContext;
  readonly #parmsId: ParmsIdType;
  readonly #evaluator: Evaluator;
  readonly #plain: Plaintext;
  readonly #format: SealFormat;

  constructor(seal: Seal, profile: Profile) {
    this.#seal = seal;
    this.#profile = profile;
    this.#context = toSealContext(seal, profile);
    this.#parmsId = this.#context.firstParmsId();
    this.#evaluator = new seal.Evaluator(this.#context);
    this.#plain = new seal.Plaintext();
    this.#format = new SealFormat(seal, this.#context, profile);
  }

  masksUnder(seed: Uint8Array): ExpandMask {
    const stream = new MaskStream(seed);
    return (place, residues) => stream.expandAll(this.#profile, place, residues);
  }

  transform(coefficients: Coefficients, residues: Uint32Array): void {
    this.#plain.loadFromArray(this.#context, this.#format.toPlaintext(coefficients)); // refuses what is not below t
    this.#evaluator.plainTransformToNttInplace(this.#plain, this.#parmsId);
    const transformed: Uint8Array = this.#plain.saveToArray(this.#seal.ComprModeType.none);
    residues.set(this.#format.residuesOf(transformed));
    transformed.fill(0);
    freeNow(transformed);
  }

  free(): void {
    this.#format.wipe();
    this.#plain.delete();
    this.#evaluator.delete();
    this.#parmsId.delete();
    this.#context.delete();
  }
}
