import canonicalize from "canonicalize";
import { keccak256, toUtf8Bytes } from "ethers";
import { asDigest, type Digest } from "./ids.ts";

/** JSON as RFC 8785 (JCS) orders and prints it: equal values give equal bytes. Throws on values JSON cannot hold. */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value as object);
  if (text === undefined) throw new TypeError("value has no JSON form");
  return text;
}

/** `keccak256` over the UTF-8 bytes of the canonical JSON. */
export const digestOfJson = (value: unknown): Digest =>
  asDigest(keccak256(toUtf8Bytes(canonicalJson(value))));
