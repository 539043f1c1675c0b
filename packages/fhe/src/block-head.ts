import { createHash } from "node:crypto";
import { canonicalJson } from "@cos/protocol/canonical-json";
import type { BlockHeader } from "./block-header.ts";
import type { Context } from "./context.ts";
import { seedBytes } from "./mask.ts";
import { type Profile, packedPolynomialBytes } from "./profile.ts";

/**
 * `cos-block/2`: some people's rows of one array. Little-endian.
 *
 *     magic "COSB"  version:u32  headerBytes:u32  rows:u32
 *     seed[32]      public; with a row's stream index it gives the row's second polynomials (`mask.ts`)
 *     header        canonical JSON, zero-padded to a multiple of 4
 *     index         stream index of each row: u32, ascending
 *     padding       zeros, so that the rows begin at a multiple of 64
 *     seal[32]      SHA-256 over everything above
 *     rows          each: digest[32] over (magic, version, seed, stream index, payload), then the payload, whose size
 *                   follows from the header: first polynomials, bit-packed, ciphertext by ciphertext
 *
 * A row stands on its own: it can be read by its position, checked as soon as it has arrived, and deleted without
 * touching the others.
 */
export type BlockLabel = {
  array: string;
  segment: string;
  /** Null for arrays without a variant axis. */
  variantBlock: number | null;
  rowBlock: number;
};

/** What stands before the rows, checked; `bytes` are the head's own, as they are in the file. */
export type BlockHead = {
  header: BlockHeader;
  profile: Profile;
  /** Public; the masks of the rows come from it. */
  seed: Uint8Array;
  /** Ascending. */
  streamIndexes: Uint32Array;
  /** Where the first row begins. */
  rowsAt: number;
  /** Payload of one row. */
  rowBytes: number;
  /** Bytes from one row to the next: digest and payload. */
  rowStride: number;
  /** Size of the whole block. */
  sizeBytes: number;
};

export const blockMagic = "COSB";
export const blockVersion = 2;
/** Magic, version and two sizes: where the seed begins. */
export const seedAt = 16;
export const digestBytes = 32;
export const maxBlockRows = 1_000_000;
/** Bytes at the start of a block from which the size of its head follows. */
export const blockPrefixBytes = seedAt + seedBytes;

/** Bytes of one row's payload. */
export const blockRowBytes = (profile: Profile, ciphertextsPerRow: number): number =>
  ciphertextsPerRow * packedPolynomialBytes(profile);

export function toBlockHeader(
  { profile, digest }: Context,
  ciphertextsPerRow: number,
  label: BlockLabel,
): BlockHeader {
  const { name, digest: parameterDigest } = profile;
  const header = { format: "cos-block/2", profile: name, parameterDigest, contextDigest: digest } as const;
  return { ...header, ciphertextsPerRow, label };
}

/**
 * The bytes before the rows. The header is believed: `OwnerPool` checks it, or it was read.
 * Throws where the rows are ones that no reader would take.
 */
export function encodeBlockHead(
  header: BlockHeader,
  seed: Uint8Array,
  streamIndexes: Uint32Array,
): Uint8Array {
  if (streamIndexes.length < 1 || streamIndexes.length > maxBlockRows || !isAscending(streamIndexes)) {
    throw new RangeError("rows of a block ascend, and there is at least one");
  }
  const json = new TextEncoder().encode(canonicalJson(header));
  const headerBytes = align(json.length, 4);
  const head = new Uint8Array(blockHeadSize(headerBytes, streamIndexes.length));
  const view = new DataView(head.buffer);
  head.set(new TextEncoder().encode(blockMagic), 0);
  view.setUint32(4, blockVersion, true);
  view.setUint32(8, headerBytes, true);
  view.setUint32(12, streamIndexes.length, true);
  head.set(seed, seedAt);
  head.set(json, blockPrefixBytes);
  const indexAt = blockPrefixBytes + headerBytes;
  for (const [i, index] of streamIndexes.entries()) view.setUint32(indexAt + 4 * i, index, true);
  const sealAt = head.length - digestBytes;
  head.set(sha256(head.subarray(0, sealAt)), sealAt);
  return head;
}

/** Digest of one row: binds the payload to its mask. */
export function rowDigest(seed: Uint8Array, streamIndex: number, payload: Uint8Array): Uint8Array {
  const prefix = Buffer.alloc(12);
  prefix.write(blockMagic, 0, "latin1");
  prefix.writeUInt32LE(blockVersion, 4);
  prefix.writeUInt32LE(streamIndex, 8);
  return createHash("sha256")
    .update(prefix.subarray(0, 8))
    .update(seed)
    .update(prefix.subarray(8))
    .update(payload)
    .digest();
}

/** Bytes of the head of that many rows. @param headerBytes the header's, its padding included */
export const blockHeadSize = (headerBytes: number, rows: number): number =>
  align(blockPrefixBytes + headerBytes + 4 * rows + digestBytes, 64);

export const isAscending = (indexes: Uint32Array): boolean =>
  indexes.every((index, i) => i === 0 || index > (indexes[i - 1] as number));

const align = (size: number, to: number): number => Math.ceil(size / to) * to;
const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();
