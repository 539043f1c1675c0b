/** Bytes of `0x` hex, as protos carry identifiers. */
export const toBytes = (hex: string): Buffer => Buffer.from(hex.slice(2), "hex");

/** `0x` hex of bytes from a proto. */
export const toHex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString("hex")}`;
