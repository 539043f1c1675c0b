import {
  type Address,
  asAddress,
  asDatasetId,
  asDigest,
  asGrantId,
  type DatasetId,
  type Digest,
  type GrantId,
} from "@cos/protocol";
import type { CallContext } from "@cos/service-host";
import type { Sessions } from "../../app/sessions.ts";
import { refusal } from "../../domain/refusal.ts";
import { bearerOf } from "../bearer.ts";
import { toRpcFault } from "./to-rpc-fault.ts";
import { toHex } from "./wire.ts";

const invalid = (field: string, detail: string) => toRpcFault(refusal("INVALID_FIELD", { field, detail }));

/** Each reader throws INVALID_ARGUMENT with the field's name, never its value. */
export function readAddress(bytes: Uint8Array, field: string): Address {
  if (bytes.length !== 20) throw invalid(field, "20 bytes");
  return asAddress(toHex(bytes));
}

export function readDigest(bytes: Uint8Array, field: string): Digest {
  if (bytes.length !== 32) throw invalid(field, "32 bytes");
  return asDigest(toHex(bytes));
}

const isDecimal = (text: string): boolean => /^(0|[1-9][0-9]{0,77})$/.test(text) && BigInt(text) < 1n << 256n;

export function readDatasetId(text: string, field = "dataset_id"): DatasetId {
  if (!isDecimal(text)) throw invalid(field, "decimal number");
  return asDatasetId(text);
}

export function readGrantId(text: string, field = "grant_id"): GrantId {
  if (!isDecimal(text)) throw invalid(field, "decimal number");
  return asGrantId(text);
}

/** A 64-bit count that a JavaScript number holds exactly. */
export function readCount(value: bigint, field: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid(field, "at most 2^53 - 1");
  return Number(value);
}

export function readText(text: string, field: string, maxLength: number): string {
  if (text.length === 0 || text.length > maxLength) throw invalid(field, `1 to ${maxLength} characters`);
  return text;
}

export function readSignature(bytes: Uint8Array, field: string): string {
  if (bytes.length === 0 || bytes.length > 4096) throw invalid(field, "1 to 4096 bytes");
  return toHex(bytes);
}

/** At most 200; 0 means 50. */
export function readPageSize(value: number): number {
  if (value > 200) throw invalid("page_size", "at most 200");
  return value === 0 ? 50 : value;
}

/** Whose session a call carries: `authorization: Bearer <JWT>`. Throws UNAUTHENTICATED. */
export async function readCaller(sessions: Sessions, { metadata }: CallContext): Promise<Address> {
  const caller = await sessions.authenticate(bearerOf(String(metadata.get("authorization")[0] ?? "")));
  if (!caller.ok) throw toRpcFault(caller.error);
  return caller.value;
}
