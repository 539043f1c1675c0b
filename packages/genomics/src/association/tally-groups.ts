import { type CallBlock, HET, HOM_A1, HOM_A2 } from "../genotype-block.ts";
import type { GenotypeSource } from "../genotype-source.ts";
import type { Sex } from "../sample.ts";

/** Disjoint groups of people: the group of each sample, and how many groups there are. */
export interface Strata {
  readonly strata: Uint8Array;
  readonly count: number;
}

/** Per group: copies of A1 and called alleles at one variant. */
export interface GroupTally {
  readonly a1: readonly number[];
  readonly called: readonly number[];
}

const SEXES: readonly Sex[] = ["male", "female", "unknown"];
const CODES = 4;

/**
 * Tallies a block by counting genotypes per group and sex first, and applying ploidy to those totals afterwards
 * (the encrypted path goes the other way: it applies ploidy person by person and sums).
 */
export function* tallyGroups(
  { codes, count, samples, firstVariant }: CallBlock,
  source: GenotypeSource,
  groups: Strata,
): Generator<GroupTally> {
  const bins = new Uint32Array(groups.count * SEXES.length * CODES);
  const binOf = Uint16Array.from(
    source.samples,
    ({ sex }, s) => (groups.strata[s]! * SEXES.length + SEXES.indexOf(sex)) * CODES,
  );
  for (let v = 0; v < count; v++) {
    bins.fill(0);
    const row = v * samples;
    for (let s = 0; s < samples; s++) bins[binOf[s]! + codes[row + s]!]!++;
    yield tallyBins(bins, groups.count, source.variants[firstVariant + v]!.contig.ploidyClass);
  }
}

function tallyBins(bins: Uint32Array, groups: number, ploidyClass: string): GroupTally {
  const a1 = new Array<number>(groups).fill(0);
  const called = new Array<number>(groups).fill(0);
  for (let group = 0; group < groups; group++) {
    for (const [i, sex] of SEXES.entries()) {
      const bin = (group * SEXES.length + i) * CODES;
      const [hom1, het, hom2] = [bins[bin + HOM_A1]!, bins[bin + HET]!, bins[bin + HOM_A2]!];
      if (ploidyClass === "Y" && sex !== "male") continue;
      const single = ploidyClass === "Y" || ploidyClass === "MT" || ploidyClass === "haploid";
      if (single || (ploidyClass === "X" && sex === "male")) {
        a1[group]! += hom1;
        called[group]! += hom1 + hom2;
      } else {
        a1[group]! += 2 * hom1 + het;
        called[group]! += 2 * (hom1 + het + hom2);
      }
    }
  }
  return { a1, called };
}
