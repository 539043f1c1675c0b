import { type Digest, objectDigester } from "@cos/protocol";
import type { PutOptions } from "./object-store.ts";

/** Why a body was refused while it streamed. */
export class BodyRefused extends Error {
  readonly reason: "size" | "digest";
  readonly received: number;

  constructor(reason: "size" | "digest", received: number) {
    super(`body refused: ${reason}`);
    this.reason = reason;
    this.received = received;
  }
}

/** Passes a body through, counting and hashing it; throws `BodyRefused` as soon as it is too long, or at its end. */
export async function* checkedBody(
  body: AsyncIterable<Uint8Array> | Uint8Array,
  { sizeBytes, digest }: PutOptions,
): AsyncIterable<Uint8Array> {
  const digester = objectDigester();
  let received = 0;
  for await (const piece of body instanceof Uint8Array ? [body] : body) {
    received += piece.length;
    if (received > sizeBytes) throw new BodyRefused("size", received);
    if (digest !== undefined) digester.update(piece);
    yield piece;
  }
  if (received !== sizeBytes) throw new BodyRefused("size", received);
  if (digest !== undefined && !sameDigest(digest, digester.digest()))
    throw new BodyRefused("digest", received);
}

const sameDigest = (a: Digest, b: Digest): boolean => a.toLowerCase() === b.toLowerCase();
