import { ok, type Result } from "@cos/protocol";
import type { GenomicsError } from "../errors.ts";
import { type CallBlock, HET, HOM_A1, HOM_A2 } from "../genotype-block.ts";
import type { GenotypeSource } from "../genotype-source.ts";
import { decimalsOf, toFixedPoint } from "../phenotype/decimal.ts";
import type { QuantitativeTrait } from "../phenotype/trait.ts";
import type { Sample } from "../sample.ts";
import { assertAligned } from "./plaintext-assoc.ts";
import type { VariantSums } from "./qassoc-row.ts";
import { type PlaintextOptions, readInBlocks } from "./read-in-blocks.ts";

export interface PlaintextQassocOptions extends PlaintextOptions {
  /**
   * Round the trait to this many decimals first, as an encryption at that scale does, so that sums compare
   * exactly. Default: every decimal that the file has.
   */
  readonly decimals?: number;
}

/**
 * Sums a quantitative trait per variant in the clear, exactly, straight from the file's two-bit codes. The genotype g
 * is the count of A1, a single copy counted twice (see `GenotypeBlock.dosage`), as PLINK has it.
 *
 * @returns one entry per variant, in the file's order and orientation
 */
export async function plaintextQassoc(
  source: GenotypeSource,
  trait: QuantitativeTrait,
  options: PlaintextQassocOptions = {},
): Promise<Result<VariantSums[], GenomicsError>> {
  assertAligned(source, trait.values.length);
  const decimals = options.decimals ?? decimalsOf(trait.values);
  const values = trait.values.map((value) => (value === null ? null : toFixedPoint(value, decimals)));
  const people = preparePeople(source.samples, values, options.a1Over === "founders");
  const sums: VariantSums[] = [];
  const read = await readInBlocks(source, (calls) => {
    for (let v = 0; v < calls.count; v++) {
      const { ploidyClass } = source.variants[calls.firstVariant + v]!.contig;
      sums.push({ ...sumVariant(calls, v, copiesByPerson(source.samples, ploidyClass), people), decimals });
    }
  });
  return read.ok ? ok(sums) : read;
}

/** Bits in one limb of a trait value: sums of 2^29 limbs stay exact in a double. */
const LIMB_BITS = 24n;

interface People {
  /** 1 where the trait is known. */
  readonly known: Uint8Array;
  /** 1 where the person helps to decide which allele is A1. */
  readonly decides: Uint8Array;
  /** The trait in signed limbs of 24 bits, least first; 0 where missing. */
  readonly limbs: readonly Float64Array[];
  readonly values: readonly (bigint | null)[];
  /** Sums over everybody with a known trait, from which those without a call are taken away. */
  readonly sumY: bigint;
  readonly sumYY: bigint;
}

function preparePeople(
  samples: readonly Sample[],
  values: readonly (bigint | null)[],
  founders: boolean,
): People {
  const known = values.filter((value) => value !== null);
  const limbs: Float64Array[] = [];
  for (let shift = 0n; known.some((value) => abs(value) >> shift > 0n); shift += LIMB_BITS) {
    limbs.push(Float64Array.from(values, (value) => limbAt(value ?? 0n, shift)));
  }
  return {
    known: Uint8Array.from(values, (value) => Number(value !== null)),
    decides: Uint8Array.from(samples, ({ founder }) => Number(founder || !founders)),
    limbs,
    values,
    sumY: known.reduce((sum, value) => sum + value, 0n),
    sumYY: known.reduce((sum, value) => sum + value * value, 0n),
  };
}

const abs = (value: bigint): bigint => (value < 0n ? -value : value);

function limbAt(value: bigint, shift: bigint): number {
  const limb = Number((abs(value) >> shift) & ((1n << LIMB_BITS) - 1n));
  return value < 0n ? 0 - limb : limb;
}

function copiesByPerson(samples: readonly Sample[], ploidyClass: string): (person: number) => 0 | 1 | 2 {
  switch (ploidyClass) {
    case "X":
      return (person) => (samples[person]!.sex === "male" ? 1 : 2);
    case "Y":
      return (person) => (samples[person]!.sex === "male" ? 1 : 0);
    case "MT":
    case "haploid":
      return () => 1;
    default:
      return () => 2;
  }
}

function sumVariant(
  { codes, samples }: CallBlock,
  v: number,
  copiesOf: (person: number) => 0 | 1 | 2,
  { known, decides, limbs, values, sumY, sumYY }: People,
): Omit<VariantSums, "decimals"> {
  const byLimb = new Array<number>(limbs.length).fill(0);
  let [n, sumG, sumGG, totalA1, totalCalled] = [0, 0, 0, 0, 0];
  let [calledY, calledYY] = [sumY, sumYY];
  for (let s = 0; s < samples; s++) {
    const code = codes[v * samples + s]!;
    const copies = copiesOf(s);
    const called = code === HOM_A1 || code === HOM_A2 || (code === HET && copies === 2) ? copies : 0;
    const g = called === 0 || code === HOM_A2 ? 0 : code === HET ? 1 : 2;
    if (decides[s] === 1) {
      totalA1 += copies === 1 ? g / 2 : g;
      totalCalled += called;
    }
    if (known[s] === 0) continue;
    if (called === 0) {
      calledY -= values[s]!;
      calledYY -= values[s]! * values[s]!;
      continue;
    }
    n++;
    if (g === 0) continue;
    sumG += g;
    sumGG += g * g;
    for (let k = 0; k < limbs.length; k++) byLimb[k]! += g * limbs[k]![s]!;
  }
  const sumGY = byLimb.reduce((sum, limb, k) => sum + (BigInt(limb) << (LIMB_BITS * BigInt(k))), 0n);
  return {
    n,
    sumG: BigInt(sumG),
    sumGG: BigInt(sumGG),
    sumY: calledY,
    sumYY: calledYY,
    sumGY,
    totalA1,
    totalCalled,
  };
}
