import { join } from "node:path";
import type { CohortFiles } from "@cos/client";
import { SIMULATED_TRAITS, simulateCohort, writeCohort } from "@cos/genomics";
import { unwrap } from "@cos/protocol";
import type { DemoOptions } from "../demo-options.ts";

/** The hospital's files, wherever they come from. */
export interface DemoCohort {
  readonly files: CohortFiles & { readonly pheno: string; readonly phenoNames: readonly [string] };
  readonly traitName: string;
  /** For people: where the data come from. */
  readonly source: string;
  readonly simulated: boolean;
  /** Loci that the simulation gave an effect. */
  readonly planted: readonly PlantedPlace[];
}

export interface PlantedPlace {
  readonly id: string;
  readonly contig: string;
  readonly position: number;
}

/**
 * The user's files, or a simulated cohort written as files in `dir`: from there on both are read alike.
 *
 * @param dir an existing folder on the hospital's side
 */
export async function prepareCohort(options: DemoOptions, dir: string): Promise<DemoCohort> {
  const { files, simulation } = options;
  if (files !== undefined) {
    const { phenoName, unknownContigs, ...rest } = files;
    return {
      files: {
        ...rest,
        phenoNames: [phenoName],
        species: options.species,
        ...(unknownContigs === undefined ? {} : { extraContigs: unknownContigs }),
        ...kindOf(options.program),
      },
      traitName: phenoName,
      source: `${files.bfile ?? files.vcf}`.split("/").at(-1) ?? "",
      simulated: false,
      planted: [],
    };
  }
  const prefix = join(dir, "simulated");
  const cohort = simulateCohort({
    samples: simulation.people,
    variants: simulation.variants,
    chromosomes: simulation.chromosomes,
    seed: simulation.seed,
  });
  unwrap(await writeCohort(prefix, cohort));
  const quantitative = options.program === "linear-regression";
  const traitName = quantitative ? SIMULATED_TRAITS.quantitative : SIMULATED_TRAITS.caseControl;
  return {
    files: { bfile: prefix, pheno: `${prefix}.pheno.tsv`, phenoNames: [traitName], species: "human" },
    traitName,
    source: `simulated with seed ${simulation.seed}`,
    simulated: true,
    planted: cohort.planted.map(({ variant }) => ({
      id: variant.id,
      contig: variant.contig.label,
      position: variant.position,
    })),
  };
}

/** A program that was named decides how the trait is read. */
const kindOf = (program: string | undefined): Pick<CohortFiles, "kind"> => {
  if (program === "allelic-association") return { kind: "case-control" };
  return program === "linear-regression" ? { kind: "quantitative" } : {};
};
