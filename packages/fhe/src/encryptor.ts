import type { Plaintext, SEALContext, Encryptor as SealEncryptor } from "node-seal/allows";
import type { Profile } from "./profile.ts";
import { loadSeal, type Seal, toSealContext } from "./seal.ts";
import { SealFormat } from "./seal-format.ts";
import { loadSecret } from "./secret-key.ts";

/** Encrypts under the secret key (there is no public key): every ciphertext draws its own seed from the system's generator. */
export class Encryptor {
  readonly profile: Profile;
  readonly #seal: Seal;
  readonly #context: SEALContext;
  readonly #encryptor: SealEncryptor;
  readonly #plain: Plaintext;
  readonly #format: SealFormat;

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
    this.#format = new SealFormat(seal, this.#context, profile);
  }

  static async create(profile: Profile, secret: Uint8Array): Promise<Encryptor> {
    return new Encryptor(await loadSeal(), profile, secret);
  }

  /**
   * One polynomial as a fresh seeded ciphertext, packed.
   * @param coefficients up to N integers, each below t
   */
  encrypt(coefficients: Uint32Array): Uint8Array {
    if (coefficients.length > this.profile.ringDegree)
      throw new RangeError("more coefficients than the ring has");
    this.#plain.loadFromArray(this.#context, this.#format.toPlaintext(coefficients));
    const fresh = this.#encryptor.encryptSymmetricSerializable(this.#plain);
    try {
      return this.#format.packSeeded(fresh.saveToArray(this.#seal.ComprModeType.none));
    } finally {
      fresh.delete();
    }
  }

  free(): void {
    this.#plain.delete();
    this.#encryptor.delete();
    this.#context.delete();
  }
}
