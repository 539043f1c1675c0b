import { ok, type Result } from "@cos/protocol";
import type { GenomicsError } from "../errors.ts";
import type { GenotypeSource } from "../genotype-source.ts";
import { type MatchOptions, matchSamples, type SampleMatch } from "./match-samples.ts";
import { readPhenotypeTable } from "./read-phenotype-table.ts";
import { selectTrait, type Trait, type TraitKind } from "./trait.ts";

export interface TraitRequest extends MatchOptions {
  readonly file: string;
  readonly column: string;
  /** Without it, the kind is recognised from the values. */
  readonly kind?: TraitKind;
}

/**
 * Reads one trait, aligned to the samples of a genotype source.
 *
 * @errors those of `readPhenotypeTable`, `matchSamples` and `selectTrait`
 */
export async function readTrait(
  source: Pick<GenotypeSource, "samples" | "hasFamilyIds">,
  request: TraitRequest,
): Promise<Result<{ trait: Trait; match: SampleMatch }, GenomicsError>> {
  const table = await readPhenotypeTable(request.file);
  if (!table.ok) return table;
  const match = matchSamples(source, table.value, request);
  if (!match.ok) return match;
  const trait = selectTrait(table.value, request.column, match.value, request.kind);
  return trait.ok ? ok({ trait: trait.value, match: match.value }) : trait;
}
