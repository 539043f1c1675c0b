import { type AssocRow, plinkNumber, type QassocRow, type Variant } from "@cos/genomics";
import type { AssociationResult } from "../finalise/finalise.ts";

/** What leaves about one variant under any class: derivatives, no counts and no genotypes. */
export type ReleasedRow = {
  variant: Variant;
  effectAllele: string;
  otherAllele: string;
  /** ln of the odds ratio, or slope per copy, of the effect allele. */
  effect: number | null;
  se: number | null;
  p: number | null;
  /** People behind the line; null on X, where alleles do not say how many people they belong to. */
  n: number | null;
  effectAlleleFrequency: number | null;
};

/** A line before the policy has looked at it: the row, and the counts that decide whether it may leave. */
export type Candidate = {
  row: ReleasedRow;
  /** People in each group at this variant, never more than there are. */
  groups: number[];
  minorAlleles: number;
  /** The fewest carriers of either allele that any group can have. */
  carriers: number;
};

/** The lines of an owner's table with what the policy needs to know about each. */
export function toCandidates(result: AssociationResult): Candidate[] {
  return result.kind === "assoc" ? result.rows.map(fromAssoc) : result.rows.map(fromQassoc);
}

function fromAssoc(row: AssocRow): Candidate {
  const { counts, variant } = row;
  const a1 = counts.caseA1 + counts.controlA1;
  const called = counts.caseCalled + counts.controlCalled;
  const cells = [
    counts.caseA1,
    counts.caseCalled - counts.caseA1,
    counts.controlA1,
    counts.controlCalled - counts.controlA1,
  ];
  const copies = copiesPerPerson(variant);
  return {
    row: {
      variant,
      effectAllele: row.a1,
      otherAllele: row.a2,
      effect: row.logOddsSe === null || row.oddsRatio === null ? null : Math.log(row.oddsRatio),
      se: row.logOddsSe,
      p: row.p,
      n: copies === null ? null : called / copies,
      effectAlleleFrequency: called === 0 ? null : a1 / called,
    },
    groups: [counts.caseCalled, counts.controlCalled].map((alleles) => Math.floor(alleles / (copies ?? 2))),
    minorAlleles: Math.min(a1, called - a1),
    carriers: Math.min(...cells.map((alleles) => Math.ceil(alleles / (copies ?? 2)))),
  };
}

function fromQassoc(row: QassocRow): Candidate {
  const { sums, variant, swapped } = row;
  const dosage = Number(swapped ? 2n * BigInt(sums.n) - sums.sumG : sums.sumG);
  const copies = copiesPerPerson(variant) ?? 2;
  // A dosage counts a single copy twice, so copies of the rarer allele are counted as they are carried.
  const alleles = (dosage * copies) / 2;
  const other = sums.n * copies - alleles;
  return {
    row: {
      variant,
      effectAllele: row.a1,
      otherAllele: row.a2,
      effect: row.beta,
      se: row.se,
      p: row.p,
      n: sums.n,
      effectAlleleFrequency: sums.n === 0 ? null : dosage / (2 * sums.n),
    },
    groups: [sums.n],
    minorAlleles: Math.floor(Math.min(alleles, other)),
    carriers: Math.floor(Math.min(alleles, other) / copies),
  };
}

/** Copies that everybody carries there; null on X, where it depends on sex. */
function copiesPerPerson({ contig }: Variant): 1 | 2 | null {
  switch (contig.ploidyClass) {
    case "autosome":
    case "PAR":
      return 2;
    case "X":
      return null;
    case "Y":
    case "MT":
    case "haploid":
      return 1;
  }
}

export const releaseColumns = ["CHR", "SNP", "BP", "EA", "NEA", "EFFECT", "SE", "P", "N", "EAF"] as const;

/** Tab-separated, one header line, four significant digits: formatting, not protection. */
export function releaseTsv(rows: readonly ReleasedRow[]): string {
  const lines = rows.map((row) =>
    [
      row.variant.contig.label,
      row.variant.id,
      row.variant.position,
      row.effectAllele,
      row.otherAllele,
      plinkNumber(row.effect),
      plinkNumber(row.se),
      plinkNumber(row.p),
      row.n ?? "NA",
      plinkNumber(row.effectAlleleFrequency),
    ].join("\t"),
  );
  return `${[releaseColumns.join("\t"), ...lines].join("\n")}\n`;
}
