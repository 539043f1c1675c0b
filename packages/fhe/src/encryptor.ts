import { freeNow } from "@cos/protocol/free-now";
import type { KeyGenerator, SEALContext } from "node-seal/allows";
import { BlockWriter, type NewBlock } from "./block-writer.ts";
import type { Coefficients } from "./coefficients.ts";
import type { KeylessSteps } from "./keyless-steps.ts";
import { MaskMover } from "./mask-mover.ts";
import type { Profile } from "./profile.ts";
import { loadSeal, type Seal, toSealContext } from "./seal.ts";
import { SealFormat, secretResidues } from "./seal-format.ts";
import { createSealSteps } from "./seal-keyless-steps.ts";
import { loadSecret } from "./secret-key.ts";

/**
 * Encrypts under the secret key. Secret, noise and the first mask are SEAL's, by its way to make a public key: that is an
 * encryption of zero. It is moved to its block's mask, once, takes up the message, and SEAL's original is wiped. What comes
 * out can only go into a block.
 * @source docs/adr/0090-messages-join-encryptions-of-zero.md
 */
export class Encryptor {
  readonly profile: Profile;
  readonly #seal: Seal;
  readonly #context: SEALContext;
  readonly #generator: KeyGenerator;
  readonly #format: SealFormat;
  readonly #steps: KeylessSteps;
  readonly #mover: MaskMover;
  /** Residues of the message that is being encrypted. */
  readonly #message: Uint32Array;

  private constructor(seal: Seal, profile: Profile, secret: Uint8Array, steps: KeylessSteps) {
    this.profile = profile;
    this.#seal = seal;
    this.#steps = steps;
    this.#context = toSealContext(seal, profile);
    const key = loadSecret(seal, profile, secret);
    if (key === undefined) throw new Error(`secret key does not fit profile ${profile.name}`);
    this.#generator = new seal.KeyGenerator(this.#context, key);
    key.delete();
    this.#format = new SealFormat(seal, this.#context, profile);
    this.#mover = new MaskMover(profile, secretResidues(profile, secret));
    this.#message = new Uint32Array(2 * profile.ringDegree * profile.primes.length);
  }

  /** @param steps who takes the steps that need no key, and is freed with the encryptor; SEAL where nobody is said */
  static async create(profile: Profile, secret: Uint8Array, steps?: KeylessSteps): Promise<Encryptor> {
    return new Encryptor(await loadSeal(), profile, secret, steps ?? (await createSealSteps(profile)));
  }

  /**
   * Begins a block under a fresh seed. To resume or correct a block is to begin it again. Label and number of ciphertexts
   * are believed: `OwnerPool.encrypt` checks them.
   */
  beginBlock(block: NewBlock): BlockWriter {
    if (block.context.profile !== this.profile) throw new TypeError("a block under another profile");
    return new BlockWriter(block, this.#steps, (...ciphertext) => this.#encrypt(...ciphertext));
  }

  free(): void {
    this.#mover.free();
    this.#message.fill(0);
    this.#steps.free();
    this.#generator.delete();
    this.#context.delete();
  }

  #encrypt(coefficients: Coefficients, mask: Uint32Array, packed: Uint8Array): void {
    if (coefficients.length > this.profile.ringDegree)
      throw new RangeError("more coefficients than the ring has");
    this.#steps.transform(coefficients, this.#message);
    const publicKey = this.#generator.createPublicKey();
    const original: Uint8Array = publicKey.saveToArray(this.#seal.ComprModeType.none);
    publicKey.delete();
    this.#mover.move(this.#format.encryptionOfZero(original), mask, this.#message, packed);
    original.fill(0); // also what it has modulo a special prime
    freeNow(original);
  }
}
