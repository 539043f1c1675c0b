import type { Result } from "@cos/protocol";
import { freeNow } from "@cos/protocol/free-now";
import { err, ok } from "@cos/protocol/result";
import type { Ciphertext, Plaintext, SEALContext, Decryptor as SealDecryptor } from "node-seal/allows";
import type { Coefficients } from "./coefficients.ts";
import type { ContainerError } from "./framed-file.ts";
import { masksOf, type SeededCiphertext } from "./mask.ts";
import type { Profile } from "./profile.ts";
import { loadSeal, type Seal, toSealContext } from "./seal.ts";
import { SealFormat } from "./seal-format.ts";
import { loadSecret } from "./secret-key.ts";

/**
 * Opens ciphertexts of degree 1 and 2. Whoever can make it open chosen bytes and see what comes out can read the key:
 * it is for results that passed `verifyResult`, and for nothing else.
 */
export class Decryptor {
  readonly profile: Profile;
  readonly #seal: Seal;
  readonly #context: SEALContext;
  readonly #decryptor: SealDecryptor;
  readonly #plain: Plaintext;
  readonly #ciphertext: Ciphertext;
  readonly #format: SealFormat;

  private constructor(seal: Seal, profile: Profile, secret: Uint8Array) {
    this.profile = profile;
    this.#seal = seal;
    this.#context = toSealContext(seal, profile);
    const key = loadSecret(seal, profile, secret);
    if (key === undefined) throw new Error(`secret key does not fit profile ${profile.name}`);
    this.#decryptor = new seal.Decryptor(this.#context, key);
    key.delete();
    this.#plain = new seal.Plaintext();
    this.#ciphertext = new seal.Ciphertext();
    this.#format = new SealFormat(seal, this.#context, profile);
  }

  static async create(profile: Profile, secret: Uint8Array): Promise<Decryptor> {
    return new Decryptor(await loadSeal(), profile, secret);
  }

  /** All N coefficients, each below t. @errors `CONTAINER_MALFORMED` */
  open(packed: Uint8Array, degree: 1 | 2): Result<Coefficients, ContainerError> {
    if (!this.#load(this.#format.unpackFull(packed, degree))) return malformed;
    return ok(this.#decrypt());
  }

  /** The same for a fresh ciphertext out of a block. @errors `CONTAINER_MALFORMED` */
  openSeeded({ packed, ...place }: SeededCiphertext): Result<Coefficients, ContainerError> {
    if (!this.#load(this.#format.unpackMasked(packed, masksOf(this.profile, place)))) return malformed;
    return ok(this.#decrypt());
  }

  /** SEAL's measured noise budget in bits. @errors `CONTAINER_MALFORMED` */
  noiseBudgetBits(packed: Uint8Array, degree: 1 | 2): Result<number, ContainerError> {
    if (!this.#load(this.#format.unpackFull(packed, degree))) return malformed;
    return ok(this.#decryptor.invariantNoiseBudget(this.#ciphertext));
  }

  free(): void {
    this.#plain.delete();
    this.#ciphertext.delete();
    this.#decryptor.delete();
    this.#context.delete();
  }

  #load(sealBytes: Uint8Array | undefined): boolean {
    if (sealBytes === undefined) return false;
    this.#ciphertext.loadFromArray(this.#context, sealBytes);
    freeNow(sealBytes);
    return true;
  }

  #decrypt(): Coefficients {
    this.#decryptor.decrypt(this.#ciphertext, this.#plain);
    return this.#format.fromPlaintext(this.#plain.saveToArray(this.#seal.ComprModeType.none));
  }
}

const malformed = err({ code: "CONTAINER_MALFORMED", detail: "residue not below its prime" } as const);
