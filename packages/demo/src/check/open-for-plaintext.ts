import { type CohortFiles, openCohort } from "@cos/client";
import type { GenotypeSource, Trait } from "@cos/genomics";

/** The files again, from the start: the plaintext path shares no value with the encrypted one. */
export async function openForPlaintext(
  files: CohortFiles,
): Promise<{ readonly source: GenotypeSource; readonly trait: Trait }> {
  const { source, traits } = await openCohort(files);
  const [trait] = traits;
  if (trait === undefined) throw new TypeError("a cohort of the demonstration has a trait");
  return { source, trait };
}
