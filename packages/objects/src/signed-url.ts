import { createHmac, timingSafeEqual } from "node:crypto";

/** What a signed URL allows. Instants are unix seconds; `sizeBytes` and `digest` bind a PUT to its bytes. */
export interface UrlTerms {
  readonly method: "GET" | "PUT";
  readonly key: string;
  readonly expiresAt: number;
  readonly sizeBytes?: number;
  readonly digest?: string;
}

/** Query string of a signed URL: the terms and an HMAC-SHA-256 over them. */
export function signTerms(secret: Uint8Array, terms: UrlTerms): URLSearchParams {
  const query = new URLSearchParams({ method: terms.method, expires: String(terms.expiresAt) });
  if (terms.sizeBytes !== undefined) query.set("size", String(terms.sizeBytes));
  if (terms.digest !== undefined) query.set("digest", terms.digest);
  query.set("signature", signatureOf(secret, terms));
  return query;
}

/** The terms of a request to a signed URL, or undefined when the signature is not ours or the time has passed. */
export function verifyTerms(
  secret: Uint8Array,
  key: string,
  query: URLSearchParams,
  now: number,
): UrlTerms | undefined {
  const method = query.get("method");
  const size = query.get("size");
  const digest = query.get("digest");
  if (method !== "GET" && method !== "PUT") return undefined;
  const terms: UrlTerms = {
    method,
    key,
    expiresAt: Number(query.get("expires")),
    ...(size === null ? {} : { sizeBytes: Number(size) }),
    ...(digest === null ? {} : { digest }),
  };
  const given = Buffer.from(query.get("signature") ?? "", "hex");
  const wanted = Buffer.from(signatureOf(secret, terms), "hex");
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return undefined;
  return now < terms.expiresAt ? terms : undefined;
}

function signatureOf(secret: Uint8Array, { method, key, expiresAt, sizeBytes, digest }: UrlTerms): string {
  const text = JSON.stringify([method, key, expiresAt, sizeBytes ?? null, digest ?? null]);
  return createHmac("sha256", secret).update(text).digest("hex");
}
