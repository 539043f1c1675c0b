import type { SEALContext } from "node-seal/allows";
import { type Coefficients, newCoefficients } from "./coefficients.ts";
import type { Profile } from "./profile.ts";
import { packResidues, unpackResidues } from "./residue-packing.ts";
import type { Seal } from "./seal.ts";

/**
 * SEAL 4.1's own uncompressed serialisation, to and from ours.
 *
 *     ciphertext: header[16] parmsId[32] ntt:u8 size:u64 N:u64 L:u64 scale:f64 correction:u64, header[16] count:u64 data
 *     plaintext:  header[16] parmsId[32] count:u64 scale:f64, header[16] count:u64 data
 *     secret key: a plaintext in NTT form modulo every prime, the special one last
 *
 * @source microsoft/SEAL 4.1, native/src/seal/{serialization,ciphertext,plaintext,dynarray,randomgen}.h
 */
const ciphertextDataAt = 113;
const plaintextDataAt = 88;
const headerSize = 16;

/** Converts between packed residues and SEAL's bytes for one profile. Reuses its buffers: one per thread. */
export class SealFormat {
  readonly profile: Profile;
  readonly #prefix: Uint8Array;
  readonly #words: Uint32Array;
  #plaintext: Uint8Array = new Uint8Array(0);

  constructor(seal: Seal, context: SEALContext, profile: Profile) {
    this.profile = profile;
    this.#words = new Uint32Array(3 * profile.ringDegree * profile.primes.length * 2);
    this.#prefix = readPrefix(seal, context);
  }

  /** A fresh ciphertext from its packed first polynomial and its mask; undefined when a residue is not below its prime. */
  unpackMasked(packed: Uint8Array, mask: Uint32Array): Uint8Array | undefined {
    const { profile } = this;
    const size = profile.ringDegree * profile.primes.length * 8;
    const out = new Uint8Array(ciphertextDataAt + 2 * size);
    this.#writeCiphertextHeader(out, 2, (2 * size) / 8);
    if (!this.#unpackPolynomials(packed, 1, out)) return undefined;
    out.set(new Uint8Array(mask.buffer, mask.byteOffset, size), ciphertextDataAt + size);
    return out;
  }

  /** The polynomials within SEAL's bytes of a whole ciphertext: a view. */
  polynomialsOf(sealBytes: Uint8Array, degree: 1 | 2): Uint8Array {
    const size = (degree + 1) * this.profile.ringDegree * this.profile.primes.length * 8;
    if (sealBytes.length !== ciphertextDataAt + size) throw new Error("SEAL wrote another ciphertext");
    return sealBytes.subarray(ciphertextDataAt);
  }

  /**
   * Both polynomials of an encryption of zero, within SEAL's bytes of a public key, which is one: views. A public key also
   * has residues modulo the special prime, behind those of the other primes of each polynomial.
   */
  encryptionOfZero(publicKey: Uint8Array): readonly [Uint8Array, Uint8Array] {
    const { ringDegree, primes, specialPrime } = this.profile;
    const size = ringDegree * primes.length * 8;
    const stride = size + (specialPrime === null ? 0 : ringDegree * 8);
    if (publicKey.length !== ciphertextDataAt + 2 * stride) throw new Error("SEAL wrote another public key");
    const polynomialAt = (at: number): Uint8Array => publicKey.subarray(at, at + size);
    return [polynomialAt(ciphertextDataAt), polynomialAt(ciphertextDataAt + stride)];
  }

  /** N residues modulo each prime, as pairs of words, within SEAL's bytes of a plaintext in NTT form: a view. */
  residuesOf(plaintext: Uint8Array): Uint32Array {
    const { ringDegree, primes } = this.profile;
    const words = 2 * ringDegree * primes.length;
    if (plaintext.length !== plaintextDataAt + 4 * words) throw new Error("SEAL wrote another plaintext");
    return new Uint32Array(plaintext.buffer, plaintext.byteOffset + plaintextDataAt, words);
  }

  /**
   * SEAL's bytes of a whole ciphertext -> `degree + 1` packed polynomials.
   * @param dropped primes at the end that the ciphertext has no residues for any more
   */
  packFull(sealBytes: Uint8Array, degree: 1 | 2, dropped = 0): Uint8Array {
    const bits = this.profile.primeBits.slice(0, this.profile.primeBits.length - dropped);
    const size = bits.reduce((sum, b) => sum + (this.profile.ringDegree * b) / 8, 0);
    const packed = new Uint8Array((degree + 1) * size);
    this.#packPolynomials(sealBytes, degree + 1, bits, packed);
    return packed;
  }

  /** The inverse of `packFull`; undefined when a residue is not below its prime. */
  unpackFull(packed: Uint8Array, degree: 1 | 2): Uint8Array | undefined {
    const count = (degree + 1) * this.profile.ringDegree * this.profile.primes.length;
    const out = new Uint8Array(ciphertextDataAt + count * 8);
    this.#writeCiphertextHeader(out, degree + 1, count);
    return this.#unpackPolynomials(packed, degree + 1, out) ? out : undefined;
  }

  /** Coefficients below t -> SEAL's bytes of a plaintext polynomial; valid until the next call. */
  toPlaintext(coefficients: Coefficients): Uint8Array {
    const { length } = coefficients;
    if (this.#plaintext.length !== plaintextDataAt + length * 8) this.#plaintext = this.#newPlaintext(length);
    const words = new Uint32Array(this.#plaintext.buffer, plaintextDataAt);
    for (let i = 0; i < length; i += 1) words[2 * i] = coefficients[i] as number; // taken modulo 2^32
    if (coefficients instanceof Float64Array) {
      for (let i = 0; i < length; i += 1) words[2 * i + 1] = (coefficients[i] as number) / 2 ** 32;
    }
    return this.#plaintext;
  }

  /** Overwrites the plaintext that was given last. */
  wipe(): void {
    this.#plaintext.fill(0);
  }

  /** SEAL's bytes of a plaintext polynomial -> all N coefficients; SEAL leaves zeros at the end away. */
  fromPlaintext(sealBytes: Uint8Array): Coefficients {
    const view = new DataView(sealBytes.buffer, sealBytes.byteOffset, sealBytes.length);
    const count = Number(view.getBigUint64(80, true));
    const coefficients = newCoefficients(this.profile, this.profile.ringDegree);
    for (let i = 0; i < count; i += 1) coefficients[i] = view.getUint32(plaintextDataAt + 8 * i, true);
    if (coefficients instanceof Float64Array) {
      for (let i = 0; i < count; i += 1) {
        const high = view.getUint32(plaintextDataAt + 8 * i + 4, true);
        coefficients[i] = (coefficients[i] as number) + high * 2 ** 32;
      }
    }
    return coefficients;
  }

  #newPlaintext(count: number): Uint8Array {
    this.wipe();
    const out = new Uint8Array(plaintextDataAt + count * 8);
    const view = new DataView(out.buffer);
    writeHeader(this.#prefix, out, 0, out.length);
    view.setBigUint64(48, BigInt(count), true);
    view.setFloat64(56, 1, true);
    writeHeader(this.#prefix, out, 64, headerSize + 8 + count * 8);
    view.setBigUint64(80, BigInt(count), true);
    return out;
  }

  #writeCiphertextHeader(out: Uint8Array, size: number, count: number): void {
    const view = new DataView(out.buffer);
    out.set(this.#prefix, 0);
    view.setBigUint64(8, BigInt(out.length), true);
    out[48] = 1;
    view.setBigUint64(49, BigInt(size), true);
    view.setBigUint64(57, BigInt(this.profile.ringDegree), true);
    view.setBigUint64(65, BigInt(this.profile.primes.length), true);
    view.setFloat64(73, 1, true);
    view.setBigUint64(81, 1n, true);
    writeHeader(this.#prefix, out, 89, headerSize + 8 + count * 8);
    view.setBigUint64(105, BigInt(count), true);
  }

  #packPolynomials(
    sealBytes: Uint8Array,
    polynomials: number,
    primeBits: readonly number[],
    packed: Uint8Array,
  ): void {
    const { ringDegree } = this.profile;
    const words = this.#words;
    const bytes = new Uint8Array(words.buffer);
    const count = polynomials * primeBits.length;
    bytes.set(sealBytes.subarray(ciphertextDataAt, ciphertextDataAt + count * ringDegree * 8));
    let at = 0;
    for (let i = 0; i < count; i += 1) {
      const bits = primeBits[i % primeBits.length] as number;
      packResidues(words.subarray(i * ringDegree * 2), ringDegree, bits, packed, at);
      at += (ringDegree * bits) / 8;
    }
  }

  #unpackPolynomials(packed: Uint8Array, polynomials: number, out: Uint8Array): boolean {
    const { ringDegree, primes, primeBits } = this.profile;
    const words = this.#words;
    const source = packed.byteOffset % 4 === 0 ? packed : packed.slice();
    let at = 0;
    for (let i = 0; i < polynomials * primes.length; i += 1) {
      const bits = primeBits[i % primes.length] as number;
      const target = words.subarray(i * ringDegree * 2);
      if (!unpackResidues(source, at, ringDegree, bits, primes[i % primes.length] as bigint, target))
        return false;
      at += (ringDegree * bits) / 8;
    }
    out.set(new Uint8Array(words.buffer, 0, polynomials * primes.length * ringDegree * 8), ciphertextDataAt);
    return true;
  }
}

/** Magic, version and compression mode as this SEAL writes them, and the identity of its parameters. */
function readPrefix(seal: Seal, context: SEALContext): Uint8Array {
  const parmsId = context.firstParmsId();
  const ciphertext = new seal.Ciphertext(context, parmsId);
  const bytes: Uint8Array = ciphertext.saveToArray(seal.ComprModeType.none);
  ciphertext.delete();
  parmsId.delete();
  return bytes.slice(0, 48);
}

function writeHeader(prefix: Uint8Array, out: Uint8Array, at: number, size: number): void {
  out.set(prefix.subarray(0, 8), at);
  new DataView(out.buffer).setBigUint64(at + 8, BigInt(size), true);
}

/** The secret in NTT form modulo each prime of the ciphertexts, from SEAL's bytes of a secret key: a view into them. */
export function secretResidues({ ringDegree, primes }: Profile, secret: Uint8Array): Uint8Array {
  return secret.subarray(plaintextDataAt, plaintextDataAt + primes.length * ringDegree * 8);
}
