import { asDigest, type Digest } from "@cos/protocol";

/** Lower-case `0x` hex of wire bytes. */
export const toHex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString("hex")}`;

/** Bytes of `0x` hex, as protos carry identifiers. */
export const toBytes = (hex: string): Buffer => Buffer.from(hex.slice(2), "hex");

export const toDigest = (bytes: Uint8Array): Digest => asDigest(toHex(bytes));
