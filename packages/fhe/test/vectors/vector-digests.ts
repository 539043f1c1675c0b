import { type Digest, digestOfBytes, unwrap } from "@cos/protocol";
import type { CiphertextBatch, Evaluator } from "../../src/engine.ts";
import { masksOf, type SeededCiphertext } from "../../src/mask.ts";
import { loadSeal, toSealContext } from "../../src/seal.ts";
import { SealFormat } from "../../src/seal-format.ts";
import { rowOf } from "../rows-of.ts";

/** Digests of what an engine makes of two seeded ciphertexts, and of the first in SEAL's own format. */
export async function vectorDigests(
  evaluator: Evaluator,
  [left, right]: readonly [SeededCiphertext, SeededCiphertext],
): Promise<Record<"expanded" | "product" | "sum" | "sealFormat", Digest>> {
  const [a, b] = [left, right].map((s) => unwrap(evaluator.expand(rowOf(s), s.ciphertext, 0, 1))) as [
    CiphertextBatch,
    CiphertextBatch,
  ];
  const digest = (degree: 1 | 2, fill: (sum: ReturnType<Evaluator["accumulator"]>) => void): Digest => {
    const sum = evaluator.accumulator(degree);
    fill(sum);
    const stored = sum.store();
    sum.free();
    return digestOfBytes(stored);
  };
  const digests = {
    expanded: digest(1, (sum) => sum.add(a)),
    product: digest(2, (sum) => {
      sum.addProducts(a, 0, b, 0, 1);
      sum.addProducts(b, 0, b, 0, 1);
    }),
    sum: digest(1, (sum) => {
      sum.addScaled(a, 0, [3]);
      sum.subtract(b);
    }),
    sealFormat: await sealDigest(evaluator, left),
  };
  a.free();
  b.free();
  return digests;
}

async function sealDigest({ profile }: Evaluator, { packed, ...place }: SeededCiphertext): Promise<Digest> {
  const seal = await loadSeal();
  const format = new SealFormat(seal, toSealContext(seal, profile), profile);
  const sealBytes = format.unpackMasked(packed, masksOf(profile, place)) as Uint8Array;
  const back = format.packFull(sealBytes, 1).subarray(0, packed.length);
  if (Buffer.compare(back, packed) !== 0) throw new Error("the round trip changed bytes");
  return digestOfBytes(sealBytes);
}
