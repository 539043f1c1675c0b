import { ok, type Result } from "@cos/protocol";
import type { GenomicsError } from "../errors.ts";
import type { CallBlock } from "../genotype-block.ts";
import type { GenotypeSource } from "../genotype-source.ts";

export interface PlaintextOptions {
  /**
   * Who decides which allele is A1: everybody (default, `plink --nonfounders`), or people without parents in the
   * file (PLINK's default; the same where nobody has parents).
   */
  readonly a1Over?: "all" | "founders";
}

const GENOTYPES_PER_BLOCK = 4_000_000;

/** Hands the whole file over block by block, about 4 MB at a time. */
export async function readInBlocks(
  source: GenotypeSource,
  take: (calls: CallBlock) => void,
): Promise<Result<void, GenomicsError>> {
  const size = Math.max(1, Math.floor(GENOTYPES_PER_BLOCK / source.samples.length));
  for (let first = 0; first < source.variants.length; first += size) {
    const calls = await source.readCalls(first, Math.min(size, source.variants.length - first));
    if (!calls.ok) return calls;
    take(calls.value);
  }
  return ok(undefined);
}
