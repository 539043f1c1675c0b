import type { Ciphertext } from "node-seal/allows";
import type { Profile } from "../src/index.ts";
import { loadSeal, type Seal, toSealContext } from "../src/seal.ts";
import { SealFormat } from "../src/seal-format.ts";
import { coefficientsOf } from "./encrypt-one.ts";

/** Both polynomials of a ciphertext of degree 1: residues, prime after prime. */
export type Polynomials = readonly [BigUint64Array, BigUint64Array];

/** SEAL on its own, for tests that do what no code of ours does: look at SEAL's ciphertexts. */
export class BareSeal {
  readonly profile: Profile;
  readonly seal: Seal;
  readonly context;
  readonly format: SealFormat;

  private constructor(seal: Seal, profile: Profile) {
    this.profile = profile;
    this.seal = seal;
    this.context = toSealContext(seal, profile);
    this.format = new SealFormat(seal, this.context, profile);
  }

  static async create(profile: Profile): Promise<BareSeal> {
    return new BareSeal(await loadSeal(), profile);
  }

  /** SEAL's own encryption, before any move. */
  encrypt(secret: Uint8Array, values: readonly number[]): Ciphertext {
    const { seal, context, format } = this;
    const key = new seal.SecretKey();
    key.loadFromArray(context, secret);
    const encryptor = new seal.Encryptor(context, new seal.KeyGenerator(context, key).createPublicKey(), key);
    const plain = new seal.Plaintext();
    plain.loadFromArray(context, format.toPlaintext(coefficientsOf(this.profile, values)));
    const ciphertext = new seal.Ciphertext();
    encryptor.encryptSymmetric(plain, ciphertext);
    encryptor.delete();
    return ciphertext;
  }

  polynomials(ciphertext: Ciphertext): Polynomials {
    const bytes = this.format.polynomialsOf(ciphertext.saveToArray(this.seal.ComprModeType.none), 1);
    const all = new BigUint64Array(bytes.slice().buffer);
    return [all.slice(0, all.length / 2), all.slice(all.length / 2)];
  }

  ciphertext([first, second]: Polynomials): Ciphertext {
    const { seal, context, format, profile } = this;
    const { ringDegree, primes } = profile;
    // SEAL's bytes of any ciphertext, with other residues in it.
    const bytes = format.unpackMasked(
      new Uint8Array(profile.primeBits.reduce((sum, bits) => sum + (ringDegree * bits) / 8, 0)),
      new Uint32Array(2 * ringDegree * primes.length),
    ) as Uint8Array;
    const target = format.polynomialsOf(bytes, 1);
    target.set(new Uint8Array(first.buffer));
    target.set(new Uint8Array(second.buffer), first.byteLength);
    const ciphertext = new seal.Ciphertext();
    ciphertext.loadFromArray(context, bytes);
    return ciphertext;
  }

  noiseBudget(secret: Uint8Array, ciphertext: Ciphertext): number {
    const key = new this.seal.SecretKey();
    key.loadFromArray(this.context, secret);
    const decryptor = new this.seal.Decryptor(this.context, key);
    const bits = decryptor.invariantNoiseBudget(ciphertext);
    decryptor.delete();
    return bits;
  }

  multiply(left: Ciphertext, right: Ciphertext): Ciphertext {
    const product = new this.seal.Ciphertext();
    new this.seal.Evaluator(this.context).multiply(left, right, product);
    return product;
  }

  /** Coefficients modulo the first prime of a polynomial in NTT form. */
  fromNtt(polynomial: BigUint64Array): bigint[] {
    const ciphertext = this.ciphertext([polynomial, polynomial]);
    new this.seal.Evaluator(this.context).cipherTransformFromNttInplace(ciphertext);
    return [...this.polynomials(ciphertext)[0].subarray(0, this.profile.ringDegree)];
  }
}

/**
 * The secret that two ciphertexts give away when they are two forms of one encryption, in NTT form; undefined when they are
 * not. `(c0, a')` and `(c0 + (a' - a) s, a)` differ by `((a' - a) s, a - a')`; what comes out of the division is the secret
 * exactly when it is ternary.
 */
export function revealedSecret(
  bare: BareSeal,
  [x0, x1]: Polynomials,
  [y0, y1]: Polynomials,
): BigUint64Array | undefined {
  const { primes, ringDegree } = bare.profile;
  const secret = x0.map((_, i) => {
    const q = primes[Math.floor(i / ringDegree)] as bigint;
    const numerator = modulo((y0[i] as bigint) - (x0[i] as bigint), q);
    return (numerator * inverse(modulo((x1[i] as bigint) - (y1[i] as bigint), q), q)) % q;
  });
  const q = primes[0] as bigint;
  return bare.fromNtt(secret).every((c) => c === 0n || c === 1n || c === q - 1n) ? secret : undefined;
}

/** Pairs in a store of whole ciphertexts that are two forms of one encryption. */
export function findDoubleForms(bare: BareSeal, store: readonly Polynomials[]): [number, number][] {
  const pairs = store.flatMap((_, i) => store.slice(i + 1).map((_, j): [number, number] => [i, i + 1 + j]));
  return pairs.filter(
    ([i, j]) => revealedSecret(bare, store[i] as Polynomials, store[j] as Polynomials) !== undefined,
  );
}

export const modulo = (a: bigint, q: bigint): bigint => ((a % q) + q) % q;

/** 1 / a modulo a prime; 0 for 0. */
function inverse(a: bigint, q: bigint): bigint {
  let [r, s] = [a, q];
  let [x, y] = [1n, 0n];
  while (s !== 0n) {
    const quotient = r / s;
    [r, s] = [s, r - quotient * s];
    [x, y] = [y, x - quotient * y];
  }
  return modulo(x, q);
}
