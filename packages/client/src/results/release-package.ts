import { canonicalJson, type Digest, digestOfBytes, digestOfJson, digestSchema } from "@cos/protocol";
import { z } from "zod";
import { CosFailure } from "../failure.ts";

const packageSchema = z.strictObject({
  format: z.literal("cos-release/1"),
  permitId: digestSchema,
  datasetId: z.string(),
  version: z.int().min(1),
  class: z.enum(["controlled", "open-deposit", "lead-loci"]),
  program: z.string(),
  algorithmId: digestSchema,
  params: z.record(z.string(), z.string()),
  /** Lines that were kept back, by reason. */
  suppressed: z.record(z.string(), z.int().min(0)),
  released: z.int().min(0),
  /** GWAS-SSF's `minor_allele_freq_lower_limit`; null when no line was released. */
  minorAlleleFrequencyLowerLimit: z.number().nullable(),
  terms: z.string(),
  /** Tab-separated, one header line. */
  table: z.string(),
  /** Without it, nobody can tell from the commitment on chain what was released. */
  salt: digestSchema,
});
/** What a grantee receives, sealed to its key. */
export type ReleasePackage = z.infer<typeof packageSchema>;

export const noReidentification =
  "Statistics for research under the granted purpose. No attempt may be made to identify anybody or to learn whether " +
  "somebody took part; not to be passed on.";

export const tableDigestOf = (table: string): Digest => digestOfBytes(new TextEncoder().encode(table));

/** What stands on chain for a release: binds everything in the package, shows nothing of it. */
export function releaseCommitmentOf({ table, ...rest }: ReleasePackage): Digest {
  return digestOfJson({ ...rest, tableDigest: tableDigestOf(table) });
}

export const packageText = (release: ReleasePackage): string => canonicalJson(release);

export function parsePackage(text: string): ReleasePackage {
  try {
    return packageSchema.parse(JSON.parse(text));
  } catch {
    throw new CosFailure("integrity", "RELEASE_MALFORMED", "the release opens, but is none of this version");
  }
}
