import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type GenotypeSource, SIMULATED_TRAITS, simulateCohort, writePlink } from "@cos/genomics";

/** Simulated people at the sites of chromosome 1 only, as PLINK files and a phenotype table in a folder. */
export async function writeSmallCohort(
  folder: string,
  { people, seed = 7 }: { people: number; seed?: number },
): Promise<{ bfile: string; pheno: string; ids: string[] }> {
  const { source, status, quantitative } = simulateCohort({ samples: people, variants: 300, seed });
  const first = source.variants.findIndex((variant) => variant.contig.label !== "1");
  const bfile = join(folder, "cohort");
  const some: Pick<GenotypeSource, "samples" | "variants" | "readCalls"> = {
    samples: source.samples,
    variants: source.variants.slice(0, first),
    readCalls: source.readCalls,
  };
  const written = await writePlink(bfile, some);
  if (!written.ok) throw new Error(written.error.code);
  const pheno = join(folder, "cohort.pheno.tsv");
  await writeFile(pheno, phenotypeTable(source, status, quantitative));
  return { bfile, pheno, ids: source.samples.map(({ id }) => id) };
}

const phenotypeTable = (
  source: GenotypeSource,
  status: Uint8Array,
  quantitative: readonly string[],
): string =>
  [
    ["FID", "IID", SIMULATED_TRAITS.caseControl, SIMULATED_TRAITS.quantitative].join("\t"),
    ...source.samples.map((s, i) => [s.familyId, s.id, status[i], quantitative[i]].join("\t")),
    "",
  ].join("\n");
