import type { PloidyClass } from "./species.ts";

export type Sex = "male" | "female" | "unknown";

/** One person of a genotype file. The ids never leave the owner's side: no log, error or event carries them. */
export interface Sample {
  /** FID; a VCF has none and repeats the sample's name, as `plink --double-id` does. */
  readonly familyId: string;
  /** IID. */
  readonly id: string;
  readonly sex: Sex;
  /** Neither parent is named in the file. */
  readonly founder: boolean;
}

/** A sample's identity as one string; the separator cannot occur in a field of either format. */
export const sampleKey = (sample: { readonly familyId: string; readonly id: string }): string =>
  `${sample.familyId}\t${sample.id}`;

/**
 * Copies of a contig that a person carries, counted as PLINK 1.9 does: an unknown sex is "not male",
 * so it is diploid on X and absent on Y.
 */
export function copiesCarried(ploidyClass: PloidyClass, sex: Sex): 0 | 1 | 2 {
  switch (ploidyClass) {
    case "autosome":
    case "PAR":
      return 2;
    case "X":
      return sex === "male" ? 1 : 2;
    case "Y":
      return sex === "male" ? 1 : 0;
    case "MT":
    case "haploid":
      return 1;
  }
}
