import type { Digest, Result } from "@cos/protocol";
import { digestOfJson } from "@cos/protocol/canonical-json";
import { err, ok } from "@cos/protocol/result";

/** FHE parameters as someone wrote them down; `checkProfile` makes a `Profile` of them. */
export type ProfileLiteral = {
  /** Name under which manifests refer to it. */
  name: string;
  scheme: "bgv";
  /** N: coefficients per polynomial, a power of two. */
  ringDegree: number;
  /** Primes of the ciphertexts, in SEAL's order. */
  primes: readonly bigint[];
  /** Prime that SEAL reserves for key switching when there is more than one; we never use it, it counts for security. */
  specialPrime: bigint | null;
  /** t: sums are exact below it. */
  plainModulus: bigint;
};

declare const checked: unique symbol;

/** Parameters that passed every check; immutable. Everything made under them carries `digest`. */
export type Profile = Readonly<ProfileLiteral> & {
  readonly [checked]: true;
  /** Digest of the literal: what containers carry so that mixing fails at the door. */
  readonly digest: Digest;
  /** Bits of each ciphertext prime; residues are stored in that many. */
  readonly primeBits: readonly number[];
  /** log2 of the ciphertext modulus. */
  readonly modulusBits: number;
};

export type ProfileError =
  | { code: "PROFILE_RING_DEGREE"; ringDegree: number }
  /** Not prime, repeated, not 1 mod 2N, or above SEAL's 60 bits. */
  | { code: "PROFILE_PRIME"; prime: bigint }
  /** Not a prime 1 mod 2N, or not below the ciphertext primes. */
  | { code: "PROFILE_PLAIN_MODULUS"; plainModulus: bigint }
  /** More modulus than the post-quantum 128-bit table allows at this ring degree. */
  | { code: "PROFILE_INSECURE"; totalBits: number; maxBits: number };

/**
 * Largest log2 of the whole modulus, special prime included, for 128 bits against quantum attackers with a ternary
 * secret and error of standard deviation 3.2.
 * @source Homomorphic Encryption Standard (2018), table 2, "quantum", 128, "(-1, 1)" secret
 */
export const postQuantum128Bits: Readonly<Record<number, number>> = {
  1024: 25,
  2048: 51,
  4096: 101,
  8192: 202,
  16384: 411,
  32768: 827,
};

/** @errors see `ProfileError` */
export function checkProfile(literal: ProfileLiteral): Result<Profile, ProfileError> {
  const { ringDegree, primes, specialPrime, plainModulus } = literal;
  const maxBits = postQuantum128Bits[ringDegree];
  if (maxBits === undefined) return err({ code: "PROFILE_RING_DEGREE", ringDegree });
  const all = specialPrime === null ? [...primes] : [...primes, specialPrime];
  const step = 2n * BigInt(ringDegree);
  for (const [i, prime] of all.entries()) {
    const usable =
      prime % step === 1n && bitLength(prime) <= 60 && isPrime(prime) && all.indexOf(prime) === i;
    if (!usable) return err({ code: "PROFILE_PRIME", prime });
  }
  // SEAL drops the last of several primes, so a lone prime must come without a special one and several with one.
  if (primes.length === 0 || primes.length > 1 !== (specialPrime !== null)) {
    return err({ code: "PROFILE_PRIME", prime: specialPrime ?? 0n });
  }
  const fitsPlain = primes.every((prime) => plainModulus < prime);
  if (plainModulus % step !== 1n || !isPrime(plainModulus) || !fitsPlain) {
    return err({ code: "PROFILE_PLAIN_MODULUS", plainModulus });
  }
  const totalBits = bitLength(all.reduce((product, prime) => product * prime, 1n));
  if (totalBits > maxBits) return err({ code: "PROFILE_INSECURE", totalBits, maxBits });

  const modulus = primes.reduce((product, prime) => product * prime, 1n);
  const profile = {
    ...literal,
    primes: Object.freeze([...primes]),
    digest: digestOfJson({
      format: "cos-profile/1",
      ...literal,
      primes: primes.map(String),
      specialPrime: specialPrime === null ? null : String(specialPrime),
      plainModulus: String(plainModulus),
    }),
    primeBits: Object.freeze(primes.map(bitLength)),
    modulusBits: log2(modulus),
  };
  return ok(Object.freeze(profile) as Profile);
}

/** Bytes of one ciphertext of `degree` at rest, every residue in its prime's bits. */
export const packedCiphertextBytes = (profile: Profile, degree: 1 | 2): number =>
  (degree + 1) * packedPolynomialBytes(profile);

/** Bytes of one polynomial at rest. */
export const packedPolynomialBytes = (profile: Profile): number =>
  profile.primeBits.reduce((sum, bits) => sum + (profile.ringDegree * bits) / 8, 0);

export const bitLength = (value: bigint): number => value.toString(2).length;

/** log2 of a positive integer of any size. */
export function log2(value: bigint): number {
  const shift = Math.max(0, bitLength(value) - 53);
  return Math.log2(Number(value >> BigInt(shift))) + shift;
}

/** Miller-Rabin with the first twelve primes as bases: exact below 3.3e24, far above 60 bits. */
export function isPrime(n: bigint): boolean {
  const bases = [2n, 3n, 5n, 7n, 11n, 13n, 17n, 19n, 23n, 29n, 31n, 37n];
  if (n < 2n) return false;
  for (const p of bases) if (n % p === 0n) return n === p;
  let d = n - 1n;
  let s = 0;
  while (d % 2n === 0n) {
    d /= 2n;
    s += 1;
  }
  return bases.every((base) => passesMillerRabin(n, base, d, s));
}

function passesMillerRabin(n: bigint, base: bigint, d: bigint, s: number): boolean {
  let x = modPow(base, d, n);
  if (x === 1n || x === n - 1n) return true;
  for (let i = 1; i < s; i += 1) {
    x = (x * x) % n;
    if (x === n - 1n) return true;
  }
  return false;
}

function modPow(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  let b = base % modulus;
  for (let e = exponent; e > 0n; e >>= 1n) {
    if (e & 1n) result = (result * b) % modulus;
    b = (b * b) % modulus;
  }
  return result;
}
