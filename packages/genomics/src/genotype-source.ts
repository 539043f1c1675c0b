import { err, ok, type Result } from "@cos/protocol";
import type { GenomicsError } from "./errors.ts";
import { type CallBlock, type GenotypeBlock, toGenotypeBlock } from "./genotype-block.ts";
import type { Sample, Sex } from "./sample.ts";
import type { SpeciesName } from "./species.ts";
import type { Variant } from "./variant.ts";

/** What an opened genotype file offers, whatever its format. Memory: the two axes and one block. */
export interface GenotypeSource {
  readonly format: "plink" | "vcf";
  readonly species: SpeciesName;
  /** Samples have family ids of their own, so that a person is (FID, IID); otherwise the IID alone. */
  readonly hasFamilyIds: boolean;
  readonly samples: readonly Sample[];
  readonly variants: readonly Variant[];
  /** What the reader changed or left aside, counted, so that nothing happens silently. */
  readonly notes: SourceNotes;
  /**
   * Genotypes of `count` variants from `first` on, ploidy applied.
   * Throws a RangeError outside the variant axis (a bug of the caller).
   */
  readBlock(first: number, count: number): Promise<Result<GenotypeBlock, GenomicsError>>;
  /** The same calls as the file has them: two-bit codes, ploidy not applied. */
  readCalls(first: number, count: number): Promise<Result<CallBlock, GenomicsError>>;
  close(): Promise<void>;
}

export interface SourceNotes {
  /** Multi-allelic records that were split. */
  readonly splitRecords: number;
  /** Calls with one known and one unknown allele (0/.), set to missing. */
  readonly halfCalls: number;
  /** Calls with a single allele, stored as homozygous as PLINK does; ploidy is applied by contig and sex. */
  readonly haploidCalls: number;
}

/** What a format has to bring; `toSource` adds the rest. */
export type CallReader = Omit<GenotypeSource, "readBlock">;

export function toSource(reader: CallReader): GenotypeSource {
  return {
    ...reader,
    readCalls: async (first, count) => {
      assertRange(reader.variants.length, first, count);
      return reader.readCalls(first, count);
    },
    readBlock: async (first, count) => {
      assertRange(reader.variants.length, first, count);
      const calls = await reader.readCalls(first, count);
      return calls.ok ? ok(toGenotypeBlock(calls.value, reader.variants, reader.samples)) : calls;
    },
  };
}

/**
 * The same genotypes with sexes from elsewhere (a VCF has none; a column of the phenotype file may).
 *
 * @param sexes one per sample, in the source's order
 * @errors `SEX_COUNT_MISMATCH` when there are more or fewer
 */
export function withSexes(
  source: GenotypeSource,
  sexes: readonly Sex[],
): Result<GenotypeSource, GenomicsError> {
  if (sexes.length !== source.samples.length) {
    return err({ code: "SEX_COUNT_MISMATCH", samples: source.samples.length, sexes: sexes.length });
  }
  return ok(
    toSource({ ...source, samples: source.samples.map((sample, i) => ({ ...sample, sex: sexes[i]! })) }),
  );
}

/**
 * The genotypes of some of the people, e.g. of those who stay after a withdrawal.
 *
 * @param kept indices into the source's samples, in the order that the result has them; throws on one outside
 */
export function selectSamples(source: GenotypeSource, kept: readonly number[]): GenotypeSource {
  const samples = kept.map((index) => {
    const sample = source.samples[index];
    if (sample === undefined)
      throw new RangeError(`sample ${index} is outside 0..${source.samples.length - 1}`);
    return sample;
  });
  const readCalls = async (first: number, count: number): Promise<Result<CallBlock, GenomicsError>> => {
    const calls = await source.readCalls(first, count);
    if (!calls.ok) return calls;
    const codes = new Uint8Array(count * kept.length);
    for (let v = 0; v < count; v++) {
      const from = v * calls.value.samples;
      for (const [s, index] of kept.entries()) codes[v * kept.length + s] = calls.value.codes[from + index]!;
    }
    return ok({ firstVariant: first, count, samples: kept.length, codes });
  };
  return toSource({ ...source, samples, readCalls });
}

function assertRange(variants: number, first: number, count: number): void {
  const whole = Number.isInteger(first) && Number.isInteger(count);
  if (!whole || first < 0 || count < 0 || first + count > variants) {
    throw new RangeError(`variants ${first}..${first + count} are outside 0..${variants}`);
  }
}
