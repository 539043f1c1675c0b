import { err, ok, type Result } from "@cos/protocol";
import type { BimFamError, MatchError } from "../errors.ts";
import type { GenotypeSource } from "../genotype-source.ts";
import { sampleKey } from "../sample.ts";
import type { PhenotypeTable } from "./read-phenotype-table.ts";

export interface MatchOptions {
  /**
   * `refuse` (default): both files must name the same people.
   * `missing`: people without a phenotype are missing, people without genotypes are left aside (as PLINK);
   * the counts in the result say how many.
   */
  readonly unmatched?: "refuse" | "missing";
}

export interface SampleMatch {
  /** For every genotyped sample, in the source's order, its row in the table; -1 where it has none. */
  readonly rowOfSample: Int32Array;
  readonly matched: number;
  readonly onlyGenotyped: number;
  readonly onlyPhenotyped: number;
}

/**
 * Pairs genotyped people with rows of a phenotype table, by (FID, IID) where both have family ids, else by IID.
 *
 * @errors `SAMPLES_DO_NOT_MATCH` (counts only; always when nobody matches), `DUPLICATE_SAMPLE` when pairing by IID
 *   and two rows, or two genotyped people (line 0), share one
 */
export function matchSamples(
  source: Pick<GenotypeSource, "samples" | "hasFamilyIds">,
  table: PhenotypeTable,
  { unmatched = "refuse" }: MatchOptions = {},
): Result<SampleMatch, MatchError | BimFamError> {
  const byFamily = source.hasFamilyIds && table.hasFamilyIds;
  const keyOf = byFamily ? sampleKey : (person: { readonly id: string }) => person.id;
  const rows = new Map<string, number>();
  for (const [i, row] of table.rows.entries()) {
    const other = rows.get(keyOf(row));
    if (other !== undefined) {
      return err({
        code: "DUPLICATE_SAMPLE",
        file: table.file,
        line: row.line,
        firstLine: table.rows[other]!.line,
      });
    }
    rows.set(keyOf(row), i);
  }
  if (new Set(source.samples.map(keyOf)).size !== source.samples.length) {
    return err({ code: "DUPLICATE_SAMPLE", file: table.file, line: 0, firstLine: 0 });
  }
  const rowOfSample = Int32Array.from(source.samples, (sample) => rows.get(keyOf(sample)) ?? -1);
  const matched = rowOfSample.reduce((count, row) => count + Number(row >= 0), 0);
  const onlyGenotyped = source.samples.length - matched;
  const onlyPhenotyped = table.rows.length - matched;
  if (matched === 0 || (unmatched === "refuse" && onlyGenotyped + onlyPhenotyped > 0)) {
    return err({
      code: "SAMPLES_DO_NOT_MATCH",
      file: table.file,
      genotyped: source.samples.length,
      phenotyped: table.rows.length,
      matched,
      onlyGenotyped,
      onlyPhenotyped,
    });
  }
  return ok({ rowOfSample, matched, onlyGenotyped, onlyPhenotyped });
}
