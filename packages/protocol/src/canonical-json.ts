import { keccak_256 } from "@noble/hashes/sha3.js";
import canonicalize from "canonicalize";
import { asDigest, type Digest } from "./digest.ts";

/** JSON as RFC 8785 (JCS) orders and prints it: equal values give equal bytes. Throws on values JSON cannot hold. */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value as object);
  if (text === undefined) throw new TypeError("value has no JSON form");
  return text;
}

/** `keccak256` over the UTF-8 bytes of the canonical JSON. */
export function digestOfJson(value: unknown): Digest {
  const hash = keccak_256(new TextEncoder().encode(canonicalJson(value)));
  return asDigest(`0x${Buffer.from(hash).toString("hex")}`);
}
