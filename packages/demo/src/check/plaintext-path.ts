import {
  type AssocRow,
  assocRow,
  type GenotypeSource,
  plaintextAssoc,
  plaintextQassoc,
  type QassocRow,
  qassocRow,
  type Trait,
  type VariantCounts,
  type VariantSums,
} from "@cos/genomics";
import { unwrap } from "@cos/protocol";

/** The same study in the clear: counts straight from the files, and the table that follows from them. */
export type PlaintextStudy =
  | { readonly kind: "assoc"; readonly counts: readonly VariantCounts[]; readonly rows: readonly AssocRow[] }
  | { readonly kind: "qassoc"; readonly sums: readonly VariantSums[]; readonly rows: readonly QassocRow[] };

/**
 * Counts in the clear. Shares with the encrypted path nothing but the readers: neither rows, nor packing, nor sums.
 *
 * @param decimals at which the encryption holds a quantity, so that sums compare exactly; all of the file's if undefined
 */
export async function plaintextStudy(
  source: GenotypeSource,
  trait: Trait,
  decimals?: number,
): Promise<PlaintextStudy> {
  if (trait.kind === "case-control") {
    const counts = unwrap(await plaintextAssoc(source, trait));
    return {
      kind: "assoc",
      counts,
      rows: counts.map((each, v) => assocRow(source.variants[v]!, each)),
    };
  }
  const sums = unwrap(await plaintextQassoc(source, trait, decimals === undefined ? {} : { decimals }));
  return { kind: "qassoc", sums, rows: sums.map((each, v) => qassocRow(source.variants[v]!, each)) };
}

/** Called alleles over alleles that could have been called, 0 to 1. */
export function callRateOf(study: PlaintextStudy, source: GenotypeSource): number {
  const counted = study.kind === "assoc" ? study.counts : study.sums;
  const males = source.samples.filter(({ sex }) => sex === "male").length;
  const people = source.samples.length;
  let called = 0;
  let possible = 0;
  for (const [v, { totalCalled }] of counted.entries()) {
    called += totalCalled;
    possible += possibleAlleles(source.variants[v]!.contig.ploidyClass, people, males);
  }
  return possible === 0 ? 0 : called / possible;
}

function possibleAlleles(ploidyClass: string, people: number, males: number): number {
  if (ploidyClass === "X") return 2 * people - males;
  if (ploidyClass === "Y") return males;
  return ploidyClass === "MT" || ploidyClass === "haploid" ? people : 2 * people;
}
