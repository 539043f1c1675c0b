import { isAddress, isHexString } from "ethers";
import { err, ok, type Result } from "./result.ts";

declare const brand: unique symbol;
type Brand<T, B extends string> = T & { readonly [brand]: { readonly [K in B]: true } };

/** 32 bytes as lower-case `0x` hex (66 characters). */
export type Digest = Brand<string, "Digest">;
/** An EVM address as lower-case `0x` hex (42 characters). */
export type Address = Brand<string, "Address">;
/** The chain's permit identity; one permit is one job, so it is the job's identity too. */
export type PermitId = Brand<Digest, "PermitId">;
export type JobId = PermitId;
/** `keccak256` of the canonical JSON of a program. */
export type AlgorithmId = Brand<Digest, "AlgorithmId">;
/** ERC-721 token id of a dataset, as a decimal string. */
export type DatasetId = Brand<string, "DatasetId">;
/** Number of a grant in `AccessACL`, as a decimal string. */
export type GrantId = Brand<string, "GrantId">;

export type IdError = { code: "BAD_DIGEST" | "BAD_ADDRESS" | "BAD_NUMBER"; field: string };

/** @errors `BAD_DIGEST` unless `text` is `0x` and 64 hex digits */
export function parseDigest(text: string, field = "digest"): Result<Digest, IdError> {
  if (!isHexString(text, 32)) return err({ code: "BAD_DIGEST", field });
  return ok(text.toLowerCase() as Digest);
}

/** @errors `BAD_ADDRESS` unless `text` is a 20-byte hex address (checksum verified when mixed case) */
export function parseAddress(text: string, field = "address"): Result<Address, IdError> {
  if (/^0x[0-9a-f]{40}$/.test(text)) return ok(text as Address); // no checksum to verify
  if (!isAddress(text) || !text.startsWith("0x")) return err({ code: "BAD_ADDRESS", field });
  return ok(text.toLowerCase() as Address);
}

/** @errors `BAD_NUMBER` unless `text` is a plain decimal integer below 2^256, without sign or leading zeros */
export function parseNumberId<T extends DatasetId | GrantId>(
  text: string,
  field: string,
): Result<T, IdError> {
  if (!/^(0|[1-9][0-9]{0,77})$/.test(text) || BigInt(text) >= 1n << 256n) {
    return err({ code: "BAD_NUMBER", field });
  }
  return ok(text as T);
}

/** For values that the caller has just computed or that the chain has just returned. */
export const asDigest = (text: string): Digest => must(parseDigest(text));
export const asAddress = (text: string): Address => must(parseAddress(text));
export const asPermitId = (text: string): PermitId => asDigest(text) as PermitId;
export const asAlgorithmId = (text: string): AlgorithmId => asDigest(text) as AlgorithmId;
export const asDatasetId = (text: string | bigint): DatasetId =>
  must(parseNumberId<DatasetId>(text.toString(), "datasetId"));
export const asGrantId = (text: string | bigint): GrantId =>
  must(parseNumberId<GrantId>(text.toString(), "grantId"));

function must<T>(result: Result<T, IdError>): T {
  if (result.ok) return result.value;
  throw new TypeError(`${result.error.code} in ${result.error.field}`);
}
