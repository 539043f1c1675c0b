import { err, ok, type Result } from "./result.ts";

declare const brand: unique symbol;
export type Brand<T, B extends string> = T & { readonly [brand]: { readonly [K in B]: true } };

/** 32 bytes as lower-case `0x` hex (66 characters). */
export type Digest = Brand<string, "Digest">;

export type IdError = { code: "BAD_DIGEST" | "BAD_ADDRESS" | "BAD_NUMBER"; field: string };

/** @errors `BAD_DIGEST` unless `text` is `0x` and 64 hex digits */
export function parseDigest(text: string, field = "digest"): Result<Digest, IdError> {
  if (!/^0x[0-9A-Fa-f]{64}$/.test(text)) return err({ code: "BAD_DIGEST", field });
  return ok(text.toLowerCase() as Digest);
}

/** For values that the caller has just computed or that the chain has just returned. */
export const asDigest = (text: string): Digest => requireId(parseDigest(text));

/** The identity, or a `TypeError` where it is none after all. */
export function requireId<T>(result: Result<T, IdError>): T {
  if (result.ok) return result.value;
  throw new TypeError(`${result.error.code} in ${result.error.field}`);
}
