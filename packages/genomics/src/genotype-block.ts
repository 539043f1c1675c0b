import { copiesCarried, type Sample, type Sex } from "./sample.ts";
import type { PloidyClass } from "./species.ts";
import type { Variant } from "./variant.ts";

/** PLINK's two-bit genotype codes, as a .bed holds them. */
export const HOM_A1 = 0;
export const MISSING = 1;
export const HET = 2;
export const HOM_A2 = 3;

/** Calls as the file has them, ploidy not yet applied. Variant-major: the code of (v, s) is at `v * samples + s`. */
export interface CallBlock {
  readonly firstVariant: number;
  readonly count: number;
  readonly samples: number;
  readonly codes: Uint8Array;
}

/**
 * Counts per variant and sample with ploidy applied. Variant-major, shape [count, samples], index `v * samples + s`.
 * A carrier of one copy has called 1 and alleles 0 or 1; a heterozygous call on one copy, and any call where
 * there is no copy (Y of a woman), is missing, exactly as PLINK 1.9 counts.
 */
export interface GenotypeBlock {
  readonly firstVariant: number;
  readonly count: number;
  readonly samples: number;
  /** Copies of A1: 0..called. */
  readonly alleles: Uint8Array;
  /** Called alleles: 0 (missing), 1 or 2. */
  readonly called: Uint8Array;
  /** 1 where both of two copies are A1. */
  readonly hom: Uint8Array;
  /**
   * The genotype that regressions use: copies of A1, a single copy counted twice (0 or 2), as PLINK's `--assoc`
   * does on X, Y and MT for a quantitative trait. Exchanging the alleles makes it 2 - dosage where called.
   */
  readonly dosage: Uint8Array;
}

interface Counts {
  readonly alleles: number;
  readonly called: number;
  readonly hom: number;
  readonly dosage: number;
}

const NONE: Counts = { alleles: 0, called: 0, hom: 0, dosage: 0 };

/** Counts by copies carried (0, 1, 2), then by code. */
const COUNTS: readonly (readonly Counts[])[] = [
  [NONE, NONE, NONE, NONE],
  [{ alleles: 1, called: 1, hom: 0, dosage: 2 }, NONE, NONE, { alleles: 0, called: 1, hom: 0, dosage: 0 }],
  [
    { alleles: 2, called: 2, hom: 1, dosage: 2 },
    NONE,
    { alleles: 1, called: 2, hom: 0, dosage: 1 },
    { alleles: 0, called: 2, hom: 0, dosage: 0 },
  ],
];

const table = (channel: keyof Counts): Uint8Array =>
  Uint8Array.from(COUNTS.flatMap((byCode) => byCode.map((counts) => counts[channel])));

/** Index: copies * 4 + code. */
const ALLELES = table("alleles");
const CALLED = table("called");
const HOM = table("hom");
const DOSAGE = table("dosage");

/**
 * Applies ploidy to calls.
 *
 * @param calls codes of `calls.count` variants from `calls.firstVariant` on
 * @param variants the whole variant axis of the file
 * @param samples as many as `calls.samples`
 * @cost about 5 ns per genotype
 */
export function toGenotypeBlock(
  calls: CallBlock,
  variants: readonly Variant[],
  samples: readonly Sample[],
): GenotypeBlock {
  const size = calls.count * calls.samples;
  const alleles = new Uint8Array(size);
  const called = new Uint8Array(size);
  const hom = new Uint8Array(size);
  const dosage = new Uint8Array(size);
  const offsetsOf = offsetCache(samples);
  for (let v = 0; v < calls.count; v++) {
    const offsets = offsetsOf(variants[calls.firstVariant + v]!.contig.ploidyClass);
    const row = v * calls.samples;
    for (let s = 0; s < calls.samples; s++) {
      const index = offsets[s]! + calls.codes[row + s]!;
      alleles[row + s] = ALLELES[index]!;
      called[row + s] = CALLED[index]!;
      hom[row + s] = HOM[index]!;
      dosage[row + s] = DOSAGE[index]!;
    }
  }
  const { firstVariant, count } = calls;
  return { firstVariant, count, samples: calls.samples, alleles, called, hom, dosage };
}

/** Per ploidy class, each sample's place in the tables. */
function offsetCache(samples: readonly Sample[]): (ploidyClass: PloidyClass) => Uint8Array {
  const known = new Map<PloidyClass, Uint8Array>();
  return (ploidyClass) => {
    let offsets = known.get(ploidyClass);
    if (offsets === undefined) {
      const bySex: Record<Sex, number> = {
        male: 4 * copiesCarried(ploidyClass, "male"),
        female: 4 * copiesCarried(ploidyClass, "female"),
        unknown: 4 * copiesCarried(ploidyClass, "unknown"),
      };
      offsets = Uint8Array.from(samples, (sample) => bySex[sample.sex]);
      known.set(ploidyClass, offsets);
    }
    return offsets;
  };
}
