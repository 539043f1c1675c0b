import { canonicalJson, err, ok, type Result } from "@cos/protocol";

/** Parameter name -> value, e.g. `{ trait: "tufted" }`. */
export type JobParams = Readonly<Record<string, string>>;

export type ParamsError = { code: "PARAMS_MALFORMED"; detail: string };

const maxParams = 64;
const maxText = 1_000;

/** Reads a job's parameters: one flat JSON object of texts. @errors `PARAMS_MALFORMED` */
export function parseJobParams(text: string): Result<JobParams, ParamsError> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return err({ code: "PARAMS_MALFORMED", detail: "not JSON" });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return err({ code: "PARAMS_MALFORMED", detail: "not an object" });
  }
  const entries = Object.entries(value);
  if (entries.length > maxParams) return err({ code: "PARAMS_MALFORMED", detail: "too many parameters" });
  if (
    entries.some(([key, each]) => typeof each !== "string" || each.length > maxText || key.length > maxText)
  ) {
    return err({ code: "PARAMS_MALFORMED", detail: "a parameter is not a short text" });
  }
  return ok(Object.fromEntries(entries) as JobParams);
}

/** The bytes that are stored and whose SHA-256 a permit carries. */
export const paramsBytes = (params: JobParams): Uint8Array => new TextEncoder().encode(canonicalJson(params));
