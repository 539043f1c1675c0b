import { z } from "zod";
import { digestOfJson } from "./canonical-json.ts";
import type { Digest } from "./ids.ts";
import { digestSchema } from "./manifest/object-ref.ts";

const duo = z
  .array(z.string().regex(/^DUO:\d{7}$/))
  .min(1)
  .max(16);

/** A structured research purpose. `duo`: GA4GH Data Use Ontology codes such as `DUO:0000042` (general research use). */
export const purposeSchema = z.strictObject({ duo, statement: z.string().min(1).max(2000) });
export type Purpose = z.infer<typeof purposeSchema>;

/** What an operator sees of a purpose: the codes, by which segments are chosen, and a digest of the words. */
export const statedPurposeSchema = z.strictObject({ duo, statementDigest: digestSchema });
export type StatedPurpose = z.infer<typeof statedPurposeSchema>;

/** Codes sorted and once each, the words as their digest: they go to the owner alone. */
export const statePurpose = ({ duo: codes, statement }: Purpose): StatedPurpose => ({
  duo: [...new Set(codes)].sort(),
  statementDigest: digestOfJson(statement),
});

/** Clause 3: `keccak256` of the stated purpose's canonical JSON with its codes sorted, so that their order does not matter. */
export const statedPurposeHash = ({ duo: codes, statementDigest }: StatedPurpose): Digest =>
  digestOfJson({ duo: [...new Set(codes)].sort(), statementDigest });

/** Clause 3 of whoever knows the words. */
export const purposeHash = (purpose: Purpose): Digest => statedPurposeHash(statePurpose(purpose));
