import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { CohortFiles } from "@cos/client";
import { SIMULATED_TRAITS, type SimulatedCohort, simulateCohort, writeCohort } from "@cos/genomics";
import { unwrap } from "@cos/protocol";

export interface SmallCohort {
  readonly files: CohortFiles & { readonly bfile: string; readonly pheno: string };
  readonly cohort: SimulatedCohort;
  readonly trait: string;
}

/** 240 simulated people at 60 sites of three chromosomes: enough for a release, seconds to encrypt. */
export async function smallCohort(
  dir: string,
  { seed = 1, people = 240, variants = 60 }: { seed?: number; people?: number; variants?: number } = {},
): Promise<SmallCohort> {
  await mkdir(dir, { recursive: true });
  const prefix = join(dir, `cohort-${seed}`);
  const cohort = simulateCohort({ samples: people, variants, chromosomes: 3, seed });
  unwrap(await writeCohort(prefix, cohort));
  const trait = SIMULATED_TRAITS.caseControl;
  const files = {
    bfile: prefix,
    pheno: `${prefix}.pheno.tsv`,
    phenoNames: [trait],
    species: "human",
  } as const;
  return { files, cohort, trait };
}
