import { z } from "zod";
import { canonicalJson } from "../canonical-json.ts";
import { err, ok, type Result } from "../result.ts";

/** How many copies of a chromosome a person carries there, and so how alleles are counted. */
export const ploidyClasses = ["autosome", "X", "PAR", "Y", "MT", "haploid"] as const;
export const ploidyClassSchema = z.enum(ploidyClasses);
export type PloidyClass = z.infer<typeof ploidyClassSchema>;

/** `verified`: REF checked against a reference; `palindrome`: A/T or C/G, unresolved; `unknown`: not checked. */
export const strandStates = ["verified", "palindrome", "unknown"] as const;

const allele = z.string().min(1).max(10_000);

/** One variant. Coordinates are 1-based, as in VCF; position 0 means unplaced. */
export const variantSchema = z.strictObject({
  contig: z.string().min(1).max(64),
  position: z
    .int()
    .min(0)
    .max(2 ** 32),
  id: z.string().min(1).max(1_000),
  ref: allele,
  alt: allele,
  /** Which of the two the `alleles` channel counts. */
  counted: z.enum(["ref", "alt"]),
  ploidy: ploidyClassSchema,
  strand: z.enum(strandStates),
  /** Identity of the multi-allelic record that this one was split from. */
  parentOfSplit: z.string().max(1_000).optional(),
  /** R2 of the imputation, 0 to 1; absent where the genotype was called. */
  imputedR2: z.number().min(0).max(1).optional(),
});
export type Variant = z.infer<typeof variantSchema>;

export const maxVariants = 20_000_000;

/** The long axis, an object of its own: datasets with equal digests count the same alleles at the same places. */
export const variantAxisSchema = z.strictObject({
  format: z.literal("cos-variant-axis/1"),
  species: z.string().min(1).max(64),
  /** Name or refget digest of the assembly. */
  assembly: z.string().min(1).max(128),
  variants: z.array(variantSchema).min(1).max(maxVariants),
});
export type VariantAxis = z.infer<typeof variantAxisSchema>;

export type VariantAxisError = {
  code: "VARIANT_AXIS_TOO_LARGE" | "VARIANT_AXIS_MALFORMED";
  detail: string;
};

const maxAxisBytes = 4 * 2 ** 30;

/** The bytes that are stored and digested: canonical JSON. */
export const variantAxisBytes = (axis: VariantAxis): Uint8Array =>
  new TextEncoder().encode(canonicalJson(axis));

/** @errors `VARIANT_AXIS_TOO_LARGE`, `VARIANT_AXIS_MALFORMED` with the first fault's place */
export function parseVariantAxis(bytes: Uint8Array): Result<VariantAxis, VariantAxisError> {
  if (bytes.length > maxAxisBytes)
    return err({ code: "VARIANT_AXIS_TOO_LARGE", detail: `${bytes.length} bytes` });
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return err({ code: "VARIANT_AXIS_MALFORMED", detail: "not JSON" });
  }
  const parsed = variantAxisSchema.safeParse(value);
  if (parsed.success) return ok(parsed.data);
  const issue = parsed.error.issues[0];
  return err({ code: "VARIANT_AXIS_MALFORMED", detail: `${issue?.path.join(".")}: ${issue?.message}` });
}
