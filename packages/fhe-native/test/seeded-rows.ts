import { createHash } from "node:crypto";
import { type Profile, packedPolynomialBytes, type SeededRows } from "@cos/fhe";
import fc from "fast-check";

/** Residues as a test wants them: one value throughout, or anything below the prime. */
export type Fill = "zero" | "largest" | "mixed";

/** Packs the residues of one polynomial, every prime: BigInt arithmetic, slow and independent of the code under test. */
export function packPolynomial(profile: Profile, residue: (prime: number, at: number) => bigint): Uint8Array {
  const out = new Uint8Array(packedPolynomialBytes(profile));
  let byte = 0;
  for (const [p, bits] of profile.primeBits.entries()) {
    let held = 0n;
    let count = 0n;
    for (let at = 0; at < profile.ringDegree; at += 1) {
      held |= residue(p, at) << count;
      count += BigInt(bits);
      for (; count >= 8n; count -= 8n, held >>= 8n) out[byte++] = Number(held & 255n);
    }
  }
  return out;
}

const made = new Map<string, Uint8Array>();

/** One packed polynomial of residues of a kind; there are 16 different mixtures for each profile. */
function packedPolynomial(profile: Profile, fill: Fill, salt: number): Uint8Array {
  const key = `${profile.name}|${fill}|${fill === "mixed" ? salt % 16 : 0}`;
  const known = made.get(key);
  if (known !== undefined) return known;
  const random = randomWords(key, profile.ringDegree * profile.primes.length);
  const packed = packPolynomial(profile, (p, at) => {
    const q = profile.primes[p] as bigint;
    const word = random[p * profile.ringDegree + at] as bigint;
    if (fill === "zero") return 0n;
    // Every fourth residue of a mixture is an extreme one.
    if (fill === "largest" || word % 8n === 0n) return q - 1n;
    return word % 8n === 1n ? 0n : (word >> 3n) % q;
  });
  made.set(key, packed);
  return packed;
}

/** `count` packed polynomials; the same arguments give the same bytes. */
export function packedPolynomials(profile: Profile, count: number, fill: Fill, salt: number): Uint8Array {
  const size = packedPolynomialBytes(profile);
  const out = new Uint8Array(count * size);
  for (let i = 0; i < count; i += 1) out.set(packedPolynomial(profile, fill, 5 * salt + i), i * size);
  return out;
}

function randomWords(salt: string, count: number): BigUint64Array {
  const bytes = createHash("shake256", { outputLength: 8 * count })
    .update(salt)
    .digest();
  return new BigUint64Array(new Uint8Array(bytes).buffer);
}

/** Rows of a block that nobody encrypted: residues of every kind under any seed. */
export function seededRows(
  profile: Profile,
  rows: number,
  ciphertextsPerRow: number,
  fill: Fill,
  salt: number,
): SeededRows {
  const payloadAt = 32; // as in a block, where a digest stands before each row
  const size = ciphertextsPerRow * packedPolynomialBytes(profile);
  const bytes = new Uint8Array(rows * (payloadAt + size)).fill(0xa5);
  const packed = packedPolynomials(profile, rows * ciphertextsPerRow, fill, salt);
  for (let row = 0; row < rows; row += 1) {
    bytes.set(packed.subarray(row * size, (row + 1) * size), row * (payloadAt + size) + payloadAt);
  }
  const indexes = Uint32Array.from(
    { length: rows },
    (_, i) => (salt % 7 === 0 ? 0xffff_ffff - rows : salt) + i,
  );
  return {
    seed: createHash("sha256").update(`seed ${salt}`).digest(),
    streamIndexes: indexes,
    rows: bytes,
    rowStride: payloadAt + size,
    payloadAt,
    ciphertextsPerRow,
  };
}

export const anyFill: fc.Arbitrary<Fill> = fc.constantFrom("zero", "largest", "mixed", "mixed");
