import { createHash } from "node:crypto";
import { asDigest, type Digest } from "./digest.ts";

/**
 * SHA-256 over an object's bytes: what names stored objects, blocks, tasks' outputs and results.
 *
 * SHA-256 and not the chain's keccak256, because megabytes of ciphertext are hashed at every door: processors and
 * object stores do SHA-256 natively (about 1 GB/s and more a core), keccak256 in JavaScript does tens of MB/s.
 */
export const digestOfBytes = (bytes: Uint8Array): Digest =>
  asDigest(`0x${createHash("sha256").update(bytes).digest("hex")}`);

/** The same digest over bytes in pieces that follow one another. */
export function digestOfPieces(pieces: readonly Uint8Array[]): Digest {
  const hash = createHash("sha256");
  for (const piece of pieces) hash.update(piece);
  return asDigest(`0x${hash.digest("hex")}`);
}

/** Pieces that follow one another as one array. */
export function joinPieces(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}

/** The same digest over a stream: `update` each piece, then `digest` once. */
export function objectDigester(): { update(piece: Uint8Array): void; digest(): Digest } {
  const hash = createHash("sha256");
  return {
    update: (piece) => {
      hash.update(piece);
    },
    digest: () => asDigest(`0x${hash.digest("hex")}`),
  };
}

/**
 * Headers that an upload to a presigned URL must carry. They are part of what was signed: S3 stores take the bytes only
 * if they have this SHA-256.
 */
export const uploadHeaders = (digest: Digest): Readonly<Record<string, string>> => ({
  "x-amz-checksum-sha256": Buffer.from(digest.slice(2), "hex").toString("base64"),
});
