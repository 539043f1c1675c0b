import { type CohortFiles, CosFailure, type OpenedPermit, openCohort } from "@cos/client";
import { compareCounts, type PlaintextStudy, plaintextStudy } from "@cos/demo";
import type { Scene } from "./scene.ts";

/** The study of a cohort's first trait in the clear. */
export async function countPlainly(files: CohortFiles): Promise<PlaintextStudy> {
  const { source, traits } = await openCohort(files);
  const [trait] = traits;
  if (trait === undefined) throw new RangeError("a cohort without a trait");
  const plain = await plaintextStudy(source, trait);
  await source.close();
  return plain;
}

/**
 * Opens a completed job as its owner. Where the fleet was so thin that one worker computed both replicas, the owner trusts
 * nobody and computes the sums again from the ciphertexts.
 */
export async function openAsOwner(
  scene: Scene,
  permitId: string,
): Promise<{ opened: OpenedPermit; recomputed: boolean }> {
  try {
    return { opened: await scene.openResult(permitId), recomputed: false };
  } catch (cause) {
    if (!(cause instanceof CosFailure) || cause.code !== "REPLICAS_MISSING") throw cause;
    return { opened: await scene.openResult(permitId, { recompute: true }), recomputed: true };
  }
}

/** Compares every opened count with plain counting. @returns numbers compared @throws where one is another */
export function countsThatAgree({ result }: OpenedPermit, plain: PlaintextStudy): number {
  const { equal, countsCompared, firstDifference } = compareCounts(result, plain);
  if (!equal) throw new Error(`the opened sums are wrong: ${firstDifference}`);
  return countsCompared;
}
