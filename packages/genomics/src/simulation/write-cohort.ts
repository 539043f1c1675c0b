import { writeFile } from "node:fs/promises";
import { ok, type Result } from "@cos/protocol";
import type { GenomicsError } from "../errors.ts";
import { writePlink } from "../plink/write-plink.ts";
import { SIMULATED_TRAITS, type SimulatedCohort } from "./simulate-cohort.ts";

/** Writes PREFIX.bed/.bim/.fam and PREFIX.pheno.tsv (FID IID affected biomarker), to be read like anybody's files. */
export async function writeCohort(
  prefix: string,
  cohort: SimulatedCohort,
): Promise<Result<void, GenomicsError>> {
  const written = await writePlink(prefix, cohort.source);
  if (!written.ok) return written;
  const header = ["FID", "IID", SIMULATED_TRAITS.caseControl, SIMULATED_TRAITS.quantitative].join("\t");
  const rows = cohort.source.samples.map(({ familyId, id }, s) =>
    [familyId, id, cohort.status[s], cohort.quantitative[s]].join("\t"),
  );
  await writeFile(`${prefix}.pheno.tsv`, `${[header, ...rows].join("\n")}\n`);
  return ok(undefined);
}
