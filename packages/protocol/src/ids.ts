import { isAddress } from "ethers/address";
import { asDigest, type Brand, type Digest, type IdError, requireId } from "./digest.ts";
import { err, ok, type Result } from "./result.ts";

export { asDigest, type Digest, type IdError, parseDigest } from "./digest.ts";

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
export const asAddress = (text: string): Address => requireId(parseAddress(text));
export const asPermitId = (text: string): PermitId => asDigest(text) as PermitId;
export const asAlgorithmId = (text: string): AlgorithmId => asDigest(text) as AlgorithmId;
export const asDatasetId = (text: string | bigint): DatasetId =>
  requireId(parseNumberId<DatasetId>(text.toString(), "datasetId"));
export const asGrantId = (text: string | bigint): GrantId =>
  requireId(parseNumberId<GrantId>(text.toString(), "grantId"));
