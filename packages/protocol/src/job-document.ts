import { z } from "zod";
import { canonicalJson } from "./canonical-json.ts";
import type { Digest } from "./ids.ts";
import { digestOfBytes } from "./object-digest.ts";
import { statedPurposeHash, statedPurposeSchema } from "./purpose.ts";
import { err, ok, type Result } from "./result.ts";

const shortText = z.string().max(1_000);

export const jobDocumentSchema = z.strictObject({
  format: z.literal("cos-job/1"),
  /** The program's parameters, such as `{ trait: "tufted" }`. */
  params: z
    .record(shortText, shortText)
    .refine((params) => Object.keys(params).length <= 64, "too many parameters"),
  /** By whose codes the plan chooses segments; its hash must be the grant's and the permit's `purposeHash`. */
  purpose: statedPurposeSchema,
});
/** What a permit's `paramsHash` names: everything besides program and datasets that a plan is a function of. */
export type JobDocument = z.infer<typeof jobDocumentSchema>;

export type JobDocumentError = { code: "PARAMS_MALFORMED"; field: string; detail: string };

const maxDocumentCharacters = 100_000;

/** Reads a job document of unknown origin. @errors `PARAMS_MALFORMED` with the field */
export function parseJobDocument(text: string): Result<JobDocument, JobDocumentError> {
  if (text.length > maxDocumentCharacters) {
    return err({ code: "PARAMS_MALFORMED", field: "", detail: "too large" });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return err({ code: "PARAMS_MALFORMED", field: "", detail: "not JSON" });
  }
  const parsed = jobDocumentSchema.safeParse(value);
  if (parsed.success) return ok(parsed.data);
  const issue = parsed.error.issues[0];
  return err({
    code: "PARAMS_MALFORMED",
    field: issue?.path.join(".") ?? "",
    detail: issue?.message ?? "malformed",
  });
}

/** The bytes that are stored and whose SHA-256 a permit carries. */
export const jobDocumentBytes = (job: JobDocument): Uint8Array =>
  new TextEncoder().encode(canonicalJson(job));

/** What a permit carries as `paramsHash`. */
export const paramsHashOf = (job: JobDocument): Digest => digestOfBytes(jobDocumentBytes(job));

export type JobDocumentMismatch =
  /** The document is not the one that the permit names. */
  | { code: "PARAMS_MISMATCH"; expected: Digest; actual: Digest }
  /** Clause 3: the document states another purpose than was granted. */
  | { code: "PURPOSE_MISMATCH"; clause: 3; expected: Digest; actual: Digest };

/** Whether the document is the permit's, and states the purpose that was granted: nobody has to be believed. */
export function checkJobDocument(
  job: JobDocument,
  permit: { readonly paramsHash: Digest; readonly purposeHash: Digest },
): Result<JobDocument, JobDocumentMismatch> {
  const paramsHash = paramsHashOf(job);
  if (paramsHash !== permit.paramsHash) {
    return err({ code: "PARAMS_MISMATCH", expected: permit.paramsHash, actual: paramsHash });
  }
  const purpose = statedPurposeHash(job.purpose);
  if (purpose !== permit.purposeHash) {
    return err({ code: "PURPOSE_MISMATCH", clause: 3, expected: permit.purposeHash, actual: purpose });
  }
  return ok(job);
}
