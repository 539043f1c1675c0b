import { type Address, type Digest, type JobId, parseAddress, parseDigest } from "@cos/protocol";
import { RpcFault } from "@cos/service-host";

/** `0x…` -> bytes. */
export const bytesOf = (hex: string): Buffer => Buffer.from(hex.slice(2), "hex");

/** Bytes -> `0x…`. */
export const hexOf = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString("hex")}`;

/** Unix seconds -> Timestamp. */
export const toTimestamp = (seconds: number): Date => new Date(seconds * 1000);

const badField = (field: string): RpcFault => new RpcFault("INVALID_ARGUMENT", "BAD_FIELD", { field });

/** 32 bytes of a request. Throws INVALID_ARGUMENT with the field's name. */
export function digestField(bytes: Uint8Array, field: string): Digest {
  const parsed = parseDigest(hexOf(bytes), field);
  if (!parsed.ok) throw badField(field);
  return parsed.value;
}

export const jobIdField = (bytes: Uint8Array, field = "job_id"): JobId => digestField(bytes, field) as JobId;

/** 20 bytes of a request. Throws INVALID_ARGUMENT with the field's name. */
export function addressField(bytes: Uint8Array, field: string): Address {
  const parsed = parseAddress(hexOf(bytes), field);
  if (!parsed.ok) throw badField(field);
  return parsed.value;
}

/** A decimal number below 2^256. Throws INVALID_ARGUMENT with the field's name. */
export function decimalField(text: string, field: string): string {
  if (!/^(0|[1-9][0-9]{0,77})$/.test(text)) throw badField(field);
  return text;
}

/** A uint64 that a size or a count must be: at most 2^53 - 1. Throws INVALID_ARGUMENT with the field's name. */
export function countField(value: bigint, field: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw badField(field);
  return Number(value);
}

/** A number that must be finite and not negative. Throws INVALID_ARGUMENT with the field's name. */
export function secondsField(value: number, field: string): number {
  if (!Number.isFinite(value) || value < 0) throw badField(field);
  return value;
}
