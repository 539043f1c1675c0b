import type { Result } from "@cos/protocol";
import { err, ok } from "@cos/protocol/result";
import type { ContainerError } from "./framed-file.ts";
import { type Profile, packedCiphertextBytes, packedPolynomialBytes } from "./profile.ts";
import { unpackResidues } from "./residue-packing.ts";

/** A polynomial that hides nothing: zero, a constant, or far too few different residues. */
export type TransparentError = { code: "CIPHERTEXT_TRANSPARENT"; polynomial: number };

/**
 * Refuses ciphertexts that no honest evaluation makes, before any key touches them: with c1 = 1, say, "decrypting"
 * gives c0 + s, which is the secret key. In NTT form a constant polynomial has one residue everywhere, while an
 * honest c1 or c2 is uniform: fewer than half as many different residues as coefficients has probability below 2^-1000.
 * This is a net under the replica check, not instead of it: a forger can also choose a c1 that looks uniform.
 */
export function checkCiphertext(
  profile: Profile,
  packed: Uint8Array,
  degree: 1 | 2,
): Result<null, ContainerError | TransparentError> {
  if (packed.length !== packedCiphertextBytes(profile, degree)) {
    return err({ code: "CONTAINER_MALFORMED", detail: "ciphertext size" });
  }
  const source = packed.byteOffset % 4 === 0 ? packed : packed.slice();
  const { ringDegree, primes, primeBits } = profile;
  const words = new Uint32Array(2 * ringDegree);
  for (let polynomial = 0; polynomial <= degree; polynomial += 1) {
    let at = polynomial * packedPolynomialBytes(profile);
    for (const [i, prime] of primes.entries()) {
      const bits = primeBits[i] as number;
      if (!unpackResidues(source, at, ringDegree, bits, prime, words)) {
        return err({ code: "CONTAINER_MALFORMED", detail: "residue not below its prime" });
      }
      if (polynomial > 0 && countDistinct(words) < ringDegree / 2) {
        return err({ code: "CIPHERTEXT_TRANSPARENT", polynomial });
      }
      at += (ringDegree * bits) / 8;
    }
  }
  return ok(null);
}

/** Different residues, told apart by their low 32 bits: honest ones collide there about once in a million pairs. */
function countDistinct(words: Uint32Array): number {
  const seen = new Set<number>();
  for (let i = 0; i < words.length; i += 2) seen.add(words[i] as number);
  return seen.size;
}
