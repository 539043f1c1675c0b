import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type GenotypeSource,
  SIMULATED_TRAITS,
  selectSamples,
  simulateCohort,
  writePlink,
} from "@cos/genomics";

export type SmallCohort = {
  /** PLINK prefix of everybody, of the first people, and of those who come later. */
  readonly all: string;
  readonly first: string;
  readonly later: string;
  readonly pheno: string;
  readonly ids: readonly string[];
};

/** Simulated people at the sites of chromosome 1 only, as PLINK files and one phenotype table in a folder. */
export async function writeSmallCohort(
  folder: string,
  { first, later, seed = 7 }: { first: number; later: number; seed?: number },
): Promise<SmallCohort> {
  const people = first + later;
  const { source, status, quantitative } = simulateCohort({ samples: people, variants: 300, seed });
  const end = source.variants.findIndex((variant) => variant.contig.label !== "1");
  const write = async (name: string, from: number, count: number): Promise<string> => {
    const prefix = join(folder, name);
    const kept = Array.from({ length: count }, (_, i) => from + i);
    const some = { ...selectSamples(source, kept), variants: source.variants.slice(0, end) };
    const written = await writePlink(prefix, some);
    if (!written.ok) throw new Error(written.error.code);
    return prefix;
  };
  const pheno = join(folder, "cohort.pheno.tsv");
  await writeFile(pheno, phenotypeTable(source, status, quantitative));
  return {
    all: await write("all", 0, people),
    first: await write("first", 0, first),
    later: await write("later", first, later),
    pheno,
    ids: source.samples.map(({ id }) => id),
  };
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
