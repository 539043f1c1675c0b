import { isTlsRefusal, tlsRefusalOf } from "@cos/tls";
import { ObjectStoreError } from "../object-store.ts";

const networkCodes =
  /^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_AGAIN|ERR_SOCKET|ERR_STREAM_PREMATURE|ERR_SSL|EPROTO|ERR_STREAM_DESTROYED|UND_ERR_SOCKET|UND_ERR_\w+_TIMEOUT|UND_ERR_RES_CONTENT_LENGTH)/;
const busyCodes = new Set([
  "SlowDown",
  "ServiceUnavailable",
  "InternalError",
  "RequestTimeout",
  "XMinioServerNotInitialized",
  "RequestTimeTooSkewed",
]);
const missingCodes = new Set(["NoSuchKey", "NotFound"]);
const checksumCodes = new Set([
  "BadDigest",
  "XAmzContentSHA256Mismatch",
  "XAmzContentChecksumMismatch",
  "InvalidDigest",
]);

/** S3's code, or Node's. */
export const codeOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";

export const isMissing = (error: unknown): boolean => missingCodes.has(codeOf(error));
export const isWrongDigest = (error: unknown): boolean => checksumCodes.has(codeOf(error));

/** Whether the same request may well succeed in a moment. */
export function isPassing(error: unknown): boolean {
  if (error instanceof ObjectStoreError) return error.code === "OBJECTS_UNAVAILABLE";
  if (isTlsRefusal(error)) return false;
  const code = codeOf(error);
  if (networkCodes.test(code) || busyCodes.has(code)) return true;
  // What MinIO's client makes of a 5xx, without a code.
  return error instanceof Error && /Retryable HTTP status|socket hang up|aborted/.test(error.message);
}

/** The typed failure for what MinIO's client threw; what is none of the store's comes back as it is. */
export function toObjectStoreError(error: unknown): unknown {
  if (error instanceof ObjectStoreError) return error;
  if (isTlsRefusal(error)) {
    const what = tlsRefusalOf(error);
    return new ObjectStoreError(
      "OBJECTS_UNTRUSTED",
      `no trust in the connection to the object store: ${what}`,
    );
  }
  if (isPassing(error)) {
    return new ObjectStoreError("OBJECTS_UNAVAILABLE", "the object store cannot serve now", { cause: error });
  }
  const code = codeOf(error);
  if (code === "" || !(error instanceof Error) || error instanceof TypeError) return error;
  return new ObjectStoreError("OBJECTS_REFUSED", code, { cause: error });
}
