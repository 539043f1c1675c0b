import { z } from "zod";
import type { Address, AlgorithmId, PermitId } from "../ids.ts";
import { jobDocumentSchema } from "../job-document.ts";
import { digestSchema, objectRefSchema } from "../manifest/object-ref.ts";
import { err, ok, type Result } from "../result.ts";

const addressSchema = z
  .string()
  .regex(/^0x[0-9a-f]{40}$/)
  .transform((text) => text as Address);

const attestationSchema = z.strictObject({
  worker: addressSchema,
  outputDigest: digestSchema,
  signature: z.string().regex(/^0x[0-9a-f]{130}$/i),
});

/** What travels beside a result so that the owner can check it before opening: who computed which task to which digest. */
export const resultBundleSchema = z.strictObject({
  format: z.literal("cos-result-bundle/1"),
  permitId: digestSchema.transform((text) => text as unknown as PermitId),
  algorithmId: digestSchema.transform((text) => text as unknown as AlgorithmId),
  /** Parameters and purpose; what says that they are the permit's is its `paramsHash`. */
  job: jobDocumentSchema,
  planDigest: digestSchema,
  inputsRoot: digestSchema,
  contextDigest: digestSchema,
  /** The result's bytes (a ciphertext list). */
  entries: objectRefSchema,
  tasks: z
    .array(
      z.strictObject({
        taskId: digestSchema,
        outputDigest: digestSchema,
        attestations: z.array(attestationSchema).max(64),
      }),
    )
    .min(1)
    .max(1_000_000),
});
export type ResultBundle = z.infer<typeof resultBundleSchema>;

const maxBundleBytes = 512 * 2 ** 20;

/** @errors `RESULT_BUNDLE_MALFORMED` with the first fault's place */
export function parseResultBundle(
  bytes: Uint8Array,
): Result<ResultBundle, { code: "RESULT_BUNDLE_MALFORMED"; field: string; detail: string }> {
  if (bytes.length > maxBundleBytes) {
    return err({ code: "RESULT_BUNDLE_MALFORMED", field: "", detail: "too large" });
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return err({ code: "RESULT_BUNDLE_MALFORMED", field: "", detail: "not JSON in UTF-8" });
  }
  const parsed = resultBundleSchema.safeParse(value);
  if (parsed.success) return ok(parsed.data);
  const issue = parsed.error.issues[0];
  return err({
    code: "RESULT_BUNDLE_MALFORMED",
    field: issue?.path.join(".") ?? "",
    detail: issue?.message ?? "malformed",
  });
}
