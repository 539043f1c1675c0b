import { ok } from "@cos/protocol";
import { HET, HOM_A1, HOM_A2, MISSING } from "../genotype-block.ts";
import { type GenotypeSource, toSource } from "../genotype-source.ts";
import type { Sample } from "../sample.ts";
import type { Variant } from "../variant.ts";
import { simulateHaplotypes } from "./ancestral-haplotypes.ts";
import { type Random, seededRandom } from "./random.ts";
import { simulateSites } from "./simulate-sites.ts";

export interface CohortRequest {
  /** People, at least 20. Default 1,000. */
  readonly samples?: number;
  /** Sites over the human autosomes, at least 22. Default 20,000. */
  readonly variants?: number;
  /** The first so many autosomes, with the same number of sites on each. Default all 22, by their lengths. */
  readonly chromosomes?: number;
  /** A whole number; the same seed gives the same cohort. Default 1. */
  readonly seed?: number;
  /** Share of calls that are missing, at random. Default 0.01. */
  readonly missingRate?: number;
  /** Planted loci, each on a chromosome of its own, at most 22. Default 3. */
  readonly causal?: number;
}

/** A planted locus: per copy of A1. */
export interface PlantedLocus {
  readonly variantIndex: number;
  readonly variant: Variant;
  /** Frequency of A1 among the simulated people. */
  readonly frequency: number;
  readonly logOddsRatio: number;
  /** Change of the quantitative trait, in units of its residual standard deviation. */
  readonly effect: number;
}

export interface SimulatedCohort {
  readonly source: GenotypeSource;
  readonly status: Uint8Array;
  /** One decimal text per person, six decimals. */
  readonly quantitative: readonly string[];
  readonly planted: readonly PlantedLocus[];
}

/** The columns that `writeCohort` gives the two traits. */
export const SIMULATED_TRAITS = { caseControl: "affected", quantitative: "biomarker" } as const;

const DEFAULTS = { samples: 1_000, variants: 20_000, chromosomes: 22, seed: 1, missingRate: 0.01, causal: 3 };
const LOG_ODDS_RATIO = 0.9;
const EFFECT = 0.42;
const COMMON = { least: 0.3, most: 0.5 };

/**
 * Simulates people as mosaics of ancestral haplotypes (Li and Stephens 2003, Genetics 165:2213), so that neighbouring
 * sites are in linkage disequilibrium, with a case/control status from a logistic model (about as many cases as
 * controls) and a quantitative trait, both moved by the same planted loci.
 *
 * Nothing in it stems from a person.
 *
 * @cost about 2 s for 1,000 people at 20,000 sites; memory one byte per call
 */
export function simulateCohort(request: CohortRequest = {}): SimulatedCohort {
  const asked = { ...DEFAULTS, ...request };
  const { samples: people, variants: count, chromosomes, seed, missingRate, causal } = asked;
  if (people < 20 || count < 22) throw new RangeError("a cohort has 20 people and 22 sites at least");
  if (chromosomes < 1 || chromosomes > 22 || causal > chromosomes)
    throw new RangeError("a cohort has 1 to 22 chromosomes and no more loci than chromosomes");
  const random = seededRandom(seed);
  const variants = simulateSites(count, random, chromosomes);
  const samples = simulatePeople(people, random);
  const counts = simulateHaplotypes(variants, people, random);
  const planted = plantLoci(variants, counts, people, causal, random);
  const status = drawStatus(planted, counts, people, random);
  const quantitative = drawTrait(planted, counts, people, random);
  const codes = toCodes(counts, missingRate, random);
  return { source: inMemorySource(samples, variants, codes), status, quantitative, planted };
}

function simulatePeople(people: number, random: Random): Sample[] {
  return Array.from({ length: people }, (_, i) => {
    const id = `SIM${String(i + 1).padStart(6, "0")}`;
    return { familyId: id, id, sex: random.uniform() < 0.5 ? "male" : "female", founder: true };
  });
}

const rowOf = (counts: Uint8Array, people: number, v: number): Uint8Array =>
  counts.subarray(v * people, (v + 1) * people);

function frequencyOf(counts: Uint8Array, people: number, v: number): number {
  return rowOf(counts, people, v).reduce((sum, count) => sum + count, 0) / (2 * people);
}

/** Picks common sites, one per chromosome; risk alleles alternate in sign. */
function plantLoci(
  variants: readonly Variant[],
  counts: Uint8Array,
  people: number,
  causal: number,
  random: Random,
): PlantedLocus[] {
  const planted: PlantedLocus[] = [];
  const used = new Set<number | null>();
  for (let attempt = 0; planted.length < causal; attempt++) {
    const v = random.below(variants.length);
    const variant = variants[v]!;
    const frequency = frequencyOf(counts, people, v);
    const relaxed = attempt > 100 * variants.length; // tiny panels may hold no such site
    if (used.has(variant.contig.code)) continue;
    if (!relaxed && (frequency < COMMON.least || frequency > COMMON.most)) continue;
    used.add(variant.contig.code);
    const sign = planted.length % 2 === 0 ? 1 : -1;
    planted.push({
      variantIndex: v,
      variant,
      frequency,
      logOddsRatio: sign * LOG_ODDS_RATIO,
      effect: sign * EFFECT,
    });
  }
  return planted.sort((a, b) => a.variantIndex - b.variantIndex);
}

/** The sum over planted loci of effect times the centred count. */
function score(
  planted: readonly PlantedLocus[],
  counts: Uint8Array,
  people: number,
  effectOf: (locus: PlantedLocus) => number,
): Float64Array {
  const scores = new Float64Array(people);
  for (const locus of planted) {
    const row = rowOf(counts, people, locus.variantIndex);
    for (let s = 0; s < people; s++) scores[s]! += effectOf(locus) * (row[s]! - 2 * locus.frequency);
  }
  return scores;
}

function drawStatus(
  planted: readonly PlantedLocus[],
  counts: Uint8Array,
  people: number,
  random: Random,
): Uint8Array {
  const logOdds = score(planted, counts, people, (locus) => locus.logOddsRatio);
  return Uint8Array.from(logOdds, (value) => (random.uniform() < 1 / (1 + Math.exp(-value)) ? 2 : 1));
}

function drawTrait(
  planted: readonly PlantedLocus[],
  counts: Uint8Array,
  people: number,
  random: Random,
): string[] {
  const means = score(planted, counts, people, (locus) => locus.effect);
  return Array.from(means, (mean) => (5 + mean + random.normal()).toFixed(6));
}

function toCodes(counts: Uint8Array, missingRate: number, random: Random): Uint8Array {
  const byCount = Uint8Array.of(HOM_A2, HET, HOM_A1);
  const codes = new Uint8Array(counts.length);
  for (let i = 0; i < codes.length; i++) codes[i] = byCount[counts[i]!]!;
  if (missingRate <= 0) return codes;
  for (let i = random.geometric(missingRate) - 1; i < codes.length; i += random.geometric(missingRate)) {
    codes[i] = MISSING;
  }
  return codes;
}

function inMemorySource(
  samples: readonly Sample[],
  variants: readonly Variant[],
  codes: Uint8Array,
): GenotypeSource {
  const people = samples.length;
  return toSource({
    format: "plink",
    species: "human",
    hasFamilyIds: true,
    samples,
    variants,
    notes: { splitRecords: 0, halfCalls: 0, haploidCalls: 0 },
    readCalls: async (firstVariant, count) =>
      ok({
        firstVariant,
        count,
        samples: people,
        codes: codes.subarray(firstVariant * people, (firstVariant + count) * people),
      }),
    close: async () => undefined,
  });
}
