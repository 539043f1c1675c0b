import { freeNow } from "@cos/protocol/free-now";
import type { Ciphertext, Plaintext, SEALContext, Encryptor as SealEncryptor } from "node-seal/allows";
import { BlockWriter, type NewBlock } from "./block-writer.ts";
import type { Coefficients } from "./coefficients.ts";
import { MaskMover } from "./mask-mover.ts";
import type { Profile } from "./profile.ts";
import { loadSeal, type Seal, toSealContext } from "./seal.ts";
import { SealFormat, secretResidues } from "./seal-format.ts";
import { loadSecret } from "./secret-key.ts";

/**
 * Encrypts under the secret key (there is no public key). Secret, noise and the first mask are SEAL's; a ciphertext is
 * then moved to its block's mask, once, and SEAL's original is wiped. What comes out can only go into a block.
 */
export class Encryptor {
  readonly profile: Profile;
  readonly #seal: Seal;
  readonly #context: SEALContext;
  readonly #encryptor: SealEncryptor;
  readonly #plain: Plaintext;
  readonly #ciphertext: Ciphertext;
  readonly #format: SealFormat;
  readonly #mover: MaskMover;

  private constructor(seal: Seal, profile: Profile, secret: Uint8Array) {
    this.profile = profile;
    this.#seal = seal;
    this.#context = toSealContext(seal, profile);
    const key = loadSecret(seal, profile, secret);
    if (key === undefined) throw new Error(`secret key does not fit profile ${profile.name}`);
    // SEAL's constructor wants a public key; this one stays in memory, unused, and is dropped here.
    const generator = new seal.KeyGenerator(this.#context, key);
    const publicKey = generator.createPublicKey();
    this.#encryptor = new seal.Encryptor(this.#context, publicKey, key);
    publicKey.delete();
    generator.delete();
    key.delete();
    this.#plain = new seal.Plaintext();
    this.#ciphertext = new seal.Ciphertext();
    this.#format = new SealFormat(seal, this.#context, profile);
    this.#mover = new MaskMover(profile, secretResidues(profile, secret));
  }

  static async create(profile: Profile, secret: Uint8Array): Promise<Encryptor> {
    return new Encryptor(await loadSeal(), profile, secret);
  }

  /**
   * Begins a block under a fresh seed. To resume or correct a block is to begin it again. Label and number of ciphertexts
   * are believed: `OwnerPool.encrypt` checks them.
   */
  beginBlock(block: NewBlock): BlockWriter {
    if (block.context.profile !== this.profile) throw new TypeError("a block under another profile");
    return new BlockWriter(block, (coefficients, mask, packed) => this.#encrypt(coefficients, mask, packed));
  }

  free(): void {
    this.#mover.free();
    this.#format.wipe();
    this.#plain.delete();
    this.#ciphertext.delete();
    this.#encryptor.delete();
    this.#context.delete();
  }

  #encrypt(coefficients: Coefficients, mask: Uint32Array, packed: Uint8Array): void {
    if (coefficients.length > this.profile.ringDegree)
      throw new RangeError("more coefficients than the ring has");
    this.#plain.loadFromArray(this.#context, this.#format.toPlaintext(coefficients));
    this.#encryptor.encryptSymmetric(this.#plain, this.#ciphertext);
    const original: Uint8Array = this.#ciphertext.saveToArray(this.#seal.ComprModeType.none);
    this.#mover.move(this.#format.polynomialsOf(original, 1), mask, packed);
    freeNow(original);
  }
}
