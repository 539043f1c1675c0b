import { assocTsv, qassocTsv } from "@cos/genomics";
import type { AssociationResult } from "@cos/programs";
import type { PlaintextStudy } from "./plaintext-path.ts";

export interface Comparison {
  readonly equal: boolean;
  /** Whole numbers compared: counts or sums, over all variants. */
  readonly countsCompared: number;
  /** Printed fields compared, over all lines of the table. */
  readonly statisticsCompared: number;
  /** Where the first difference is; never what the numbers are. */
  readonly firstDifference: string | undefined;
}

/**
 * Compares what was opened from ciphertext with the plaintext path: every count of every variant, then every printed
 * field. Counts are compared in the file's orientation, before anything is derived from them.
 */
export function compareCounts(opened: AssociationResult, plain: PlaintextStudy): Comparison {
  if (opened.kind !== plain.kind) return different("the two paths ran different tests");
  const mine: readonly object[] = opened.kind === "assoc" ? opened.counts : opened.sums;
  const theirs: readonly object[] = plain.kind === "assoc" ? plain.counts : plain.sums;
  if (mine.length !== theirs.length)
    return different(`${mine.length} variants opened, ${theirs.length} read`);
  let countsCompared = 0;
  for (const [v, expected] of theirs.entries()) {
    const actual = mine[v] as Record<string, unknown>;
    for (const [name, value] of Object.entries(expected)) {
      countsCompared += 1;
      if (actual[name] !== value) return different(`${name} of variant ${v + 1}`, countsCompared);
    }
  }
  const tables = [tableOf(opened), tableOf(plain)].map((text) => text.trimEnd().split(/[\t\n]/));
  const [ours = [], plaintext = []] = tables;
  const at = plaintext.findIndex((field, i) => ours[i] !== field);
  if (at >= 0 || ours.length !== plaintext.length) {
    return different(`printed field ${at + 1}`, countsCompared, plaintext.length);
  }
  return {
    equal: countsCompared > 0,
    countsCompared,
    statisticsCompared: plaintext.length,
    firstDifference: undefined,
  };
}

/** PLINK's table of either path. */
export const tableOf = (study: AssociationResult | PlaintextStudy): string =>
  study.kind === "assoc" ? assocTsv(study.rows) : qassocTsv(study.rows);

const different = (firstDifference: string, countsCompared = 0, statisticsCompared = 0): Comparison => ({
  equal: false,
  countsCompared,
  statisticsCompared,
  firstDifference,
});
