import { type CiphertextEntry, countsProfile, packedCiphertextBytes, writeCiphertextList } from "@cos/fhe";
import { type Digest, digestOfJson } from "@cos/protocol";
import type { TaskSpec } from "../src/index.ts";

/** For tests of reduce tasks: one over made-up partial results of one plan. Contraction 0 is a sum, 1 a product. */
export const planDigest = digestOfJson("plan");
export const taskId = digestOfJson("reduce");
const context = {
  profile: countsProfile.name,
  parameterDigest: countsProfile.digest,
  contextDigest: digestOfJson("context"),
};
export const reduceSpec: TaskSpec = {
  taskId,
  planDigest,
  task: { kind: "reduce", index: 9, inputs: [], estimate: { inputBytes: 0, outputBytes: 0, cost: 0 } },
  contexts: [context],
  contractions: ([1, 2] as const).map((degree, index) => ({
    index,
    dataset: 0,
    context: 0,
    carrier: { array: "g", ciphertext: 0 },
    weight: degree === 2 ? { array: "t", ciphertext: 0 } : null,
    degree,
  })),
};

/** An entry of contraction 0 or 1 whose ciphertext is zero but for its first coefficient. */
export function madeUpEntry(
  variantBlock: number,
  run: number,
  contraction: 0 | 1,
  residue: bigint,
): CiphertextEntry {
  const degree = contraction === 0 ? 1 : 2;
  const packed = new Uint8Array(packedCiphertextBytes(countsProfile, degree));
  new DataView(packed.buffer).setBigUint64(0, residue, true); // 50 bits of it, the others are zero
  return { contraction, variantBlock, run, context: 0, degree, packed };
}

/** The output of a task of that plan. */
export const madeUpList = (
  id: Digest,
  entries: readonly CiphertextEntry[],
  change: Partial<typeof context> = {},
): Uint8Array =>
  writeCiphertextList({ planDigest, taskId: id, contexts: [{ ...context, ...change }] }, entries);
