import { z } from "zod";
import { digestOfJson } from "./canonical-json.ts";
import type { Digest } from "./ids.ts";

/** A structured research purpose. `duo`: GA4GH Data Use Ontology codes such as `DUO:0000042` (general research use). */
export const purposeSchema = z.strictObject({
  duo: z
    .array(z.string().regex(/^DUO:\d{7}$/))
    .min(1)
    .max(16),
  statement: z.string().min(1).max(2000),
});
export type Purpose = z.infer<typeof purposeSchema>;

/** Clause 3: `keccak256` of the purpose's canonical JSON with its codes sorted, so that their order does not matter. */
export const purposeHash = (purpose: Purpose): Digest =>
  digestOfJson({ duo: [...new Set(purpose.duo)].sort(), statement: purpose.statement });
