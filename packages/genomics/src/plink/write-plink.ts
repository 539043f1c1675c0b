import { open, writeFile } from "node:fs/promises";
import { ok, type Result } from "@cos/protocol";
import type { GenomicsError } from "../errors.ts";
import type { GenotypeSource } from "../genotype-source.ts";
import type { Sample, Sex } from "../sample.ts";
import type { Variant } from "../variant.ts";
import { BED_HEADER, packBedRows } from "./bed-codes.ts";

const SEX_CODE: Readonly<Record<Sex, number>> = { male: 1, female: 2, unknown: 0 };
const VARIANTS_PER_WRITE = 1_000;

/**
 * Writes PREFIX.bed, PREFIX.bim and PREFIX.fam; the phenotype column is -9 (missing). Parents of non-founders are
 * not known here and are written as the placeholders `P` and `M`.
 */
export async function writePlink(
  prefix: string,
  source: Pick<GenotypeSource, "samples" | "variants" | "readCalls">,
): Promise<Result<void, GenomicsError>> {
  await writeFile(`${prefix}.fam`, famText(source.samples));
  await writeFile(`${prefix}.bim`, bimText(source.variants));
  const bed = await open(`${prefix}.bed`, "w");
  try {
    await bed.appendFile(BED_HEADER);
    for (let first = 0; first < source.variants.length; first += VARIANTS_PER_WRITE) {
      const count = Math.min(VARIANTS_PER_WRITE, source.variants.length - first);
      const calls = await source.readCalls(first, count);
      if (!calls.ok) return calls;
      await bed.appendFile(packBedRows(calls.value.codes, count, source.samples.length));
    }
  } finally {
    await bed.close();
  }
  return ok(undefined);
}

function famText(samples: readonly Sample[]): string {
  return samples
    .map(
      ({ familyId, id, sex, founder }) =>
        `${familyId} ${id} ${founder ? "0 0" : "P M"} ${SEX_CODE[sex]} -9\n`,
    )
    .join("");
}

function bimText(variants: readonly Variant[]): string {
  return variants
    .map(({ contig, id, position, a1, a2 }) => `${contig.label}\t${id}\t0\t${position}\t${a1}\t${a2}\n`)
    .join("");
}
