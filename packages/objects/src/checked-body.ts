import { type Digest, objectDigester } from "@cos/protocol";

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

/**
 * Passes a body through, counting and hashing it; throws `BodyRefused` as soon as it is too long, or at its end. The last
 * piece goes through only when all is right, so that nobody ever holds the whole of a wrong body.
 * @param digests SHA-256 that the bytes must have, each of these
 */
export async function* checkedBody(
  body: AsyncIterable<Uint8Array> | Uint8Array,
  sizeBytes: number,
  digests: readonly Digest[],
): AsyncGenerator<Uint8Array, void, undefined> {
  const digester = objectDigester();
  let received = 0;
  let held: Uint8Array | undefined;
  for await (const piece of body instanceof Uint8Array ? [body] : body) {
    if (piece.length === 0) continue;
    received += piece.length;
    if (received > sizeBytes) throw new BodyRefused("size", received);
    if (digests.length > 0) digester.update(piece);
    if (held !== undefined) yield held;
    held = piece;
  }
  if (received !== sizeBytes) throw new BodyRefused("size", received);
  if (digests.length > 0) {
    const found = digester.digest().toLowerCase();
    if (digests.some((wanted) => wanted.toLowerCase() !== found)) throw new BodyRefused("digest", received);
  }
  if (held !== undefined) yield held;
}
