import { createHash } from "node:crypto";
import { canonicalJson, type Digest, digestSchema, err, ok, type Result } from "@cos/protocol";
import { z } from "zod";
import type { Context } from "./context.ts";
import type { ContainerError } from "./framed-file.ts";
import { seedBytes } from "./mask.ts";
import { type Profile, packedPolynomialBytes } from "./profile.ts";
import { findProfile } from "./profiles.ts";

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

const headerSchema = z.strictObject({
  format: z.literal("cos-block/2"),
  profile: z.string().max(128),
  parameterDigest: digestSchema,
  contextDigest: digestSchema,
  ciphertextsPerRow: z.int().min(1).max(256),
  label: z.strictObject({
    array: z.string().max(128),
    segment: z.string().max(128),
    variantBlock: z.int().min(0).nullable(),
    rowBlock: z.int().min(0),
  }),
});
export type BlockHeader = z.infer<typeof headerSchema>;

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

/** What the reader of a block knows from elsewhere, and insists on. */
export type ExpectedBlock = {
  /** Context that the block must have been made under. */
  contextDigest?: Digest;
  /** Label that the manifest gives it. */
  label?: BlockLabel;
};

const magic = "COSB";
const version = 2;
/** Magic, version and two sizes. */
const sizesBytes = 16;
const digestBytes = 32;
const maxHeaderBytes = 16_384;
const maxRows = 1_000_000;
/** Bytes at the start of a block from which the size of its head follows. */
export const blockPrefixBytes = sizesBytes + seedBytes;

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

/** The bytes before the rows. Throws where a writer gives what no reader would take. */
export function encodeBlockHead(
  header: BlockHeader,
  seed: Uint8Array,
  streamIndexes: Uint32Array,
): Uint8Array {
  if (streamIndexes.length < 1 || streamIndexes.length > maxRows || !isAscending(streamIndexes)) {
    throw new RangeError("rows of a block ascend, and there is at least one");
  }
  const json = new TextEncoder().encode(canonicalJson(headerSchema.parse(header)));
  const headerBytes = align(json.length, 4);
  const head = new Uint8Array(headBytes(headerBytes, streamIndexes.length));
  const view = new DataView(head.buffer);
  head.set(new TextEncoder().encode(magic), 0);
  view.setUint32(4, version, true);
  view.setUint32(8, headerBytes, true);
  view.setUint32(12, streamIndexes.length, true);
  head.set(seed, sizesBytes);
  head.set(json, blockPrefixBytes);
  const indexAt = blockPrefixBytes + headerBytes;
  for (const [i, index] of streamIndexes.entries()) view.setUint32(indexAt + 4 * i, index, true);
  const sealAt = head.length - digestBytes;
  head.set(sha256(head.subarray(0, sealAt)), sealAt);
  return head;
}

/** Size of the head, from a block's first `blockPrefixBytes`; nothing else is believed yet. */
export function blockHeadBytes(prefix: Uint8Array): Result<number, ContainerError> {
  if (prefix.length < blockPrefixBytes) return truncated(blockPrefixBytes, prefix.length);
  const view = viewOf(prefix);
  if (new TextDecoder("latin1").decode(prefix.subarray(0, 4)) !== magic) {
    return malformed("not this kind of container");
  }
  if (view.getUint32(4, true) !== version) return malformed("unknown version");
  const headerBytes = view.getUint32(8, true);
  const rows = view.getUint32(12, true);
  if (headerBytes > maxHeaderBytes || headerBytes % 4 !== 0) return malformed("header size");
  if (rows < 1 || rows > maxRows) return malformed("row count");
  return ok(headBytes(headerBytes, rows));
}

/** The public seed, from a block's first `blockPrefixBytes`. */
export function blockSeed(prefix: Uint8Array): Result<Uint8Array, ContainerError> {
  const size = blockHeadBytes(prefix);
  return size.ok ? ok(prefix.slice(sizesBytes, blockPrefixBytes)) : size;
}

/**
 * Reads the head of a block of unknown origin.
 * @param head exactly the bytes that `blockHeadBytes` says
 * @param sizeBytes size of the whole block; refused when the rows need another
 */
export function parseBlockHead(
  head: Uint8Array,
  sizeBytes: number,
  expected: ExpectedBlock,
): Result<BlockHead, ContainerError> {
  const sealAt = head.length - digestBytes;
  if (!equalBytes(sha256(head.subarray(0, sealAt)), head.subarray(sealAt))) {
    return err({ code: "DIGEST_MISMATCH", part: "header", index: 0 });
  }
  const view = viewOf(head);
  const headerBytes = view.getUint32(8, true);
  const header = readHeader(head.subarray(blockPrefixBytes, blockPrefixBytes + headerBytes));
  if (!header.ok) return header;
  const mismatch = checkExpected(header.value.header, expected);
  if (mismatch !== undefined) return err(mismatch);

  const rows = view.getUint32(12, true);
  const rowBytes = blockRowBytes(header.value.profile, header.value.header.ciphertextsPerRow);
  const rowStride = digestBytes + rowBytes;
  const end = head.length + rows * rowStride;
  if (sizeBytes < end) return truncated(end, sizeBytes);
  if (sizeBytes > end) return malformed("bytes after the last row");

  const indexAt = blockPrefixBytes + headerBytes;
  const streamIndexes = Uint32Array.from({ length: rows }, (_, i) => view.getUint32(indexAt + 4 * i, true));
  if (!isAscending(streamIndexes)) return malformed("rows out of order");
  const seed = head.slice(sizesBytes, blockPrefixBytes);
  if (!equalBytes(encodeBlockHead(header.value.header, seed, streamIndexes), head)) {
    return malformed("header is not canonical");
  }
  return ok({
    ...header.value,
    seed,
    streamIndexes,
    rowsAt: head.length,
    rowBytes,
    rowStride,
    sizeBytes: end,
  });
}

/** Digest of one row: binds the payload to its mask. */
export function rowDigest(seed: Uint8Array, streamIndex: number, payload: Uint8Array): Uint8Array {
  const prefix = Buffer.alloc(12);
  prefix.write(magic, 0, "latin1");
  prefix.writeUInt32LE(version, 4);
  prefix.writeUInt32LE(streamIndex, 8);
  return createHash("sha256")
    .update(prefix.subarray(0, 8))
    .update(seed)
    .update(prefix.subarray(8))
    .update(payload)
    .digest();
}

/** The payload of the row at `position`, its digest checked. @param row digest and payload */
export function checkRow(
  { seed, streamIndexes }: BlockHead,
  position: number,
  row: Uint8Array,
): Result<Uint8Array, ContainerError> {
  const payload = row.subarray(digestBytes);
  const actual = rowDigest(seed, streamIndexes[position] as number, payload);
  if (equalBytes(row.subarray(0, digestBytes), actual)) return ok(payload);
  return err({ code: "DIGEST_MISMATCH", part: "record", index: position });
}

function readHeader(padded: Uint8Array): Result<{ header: BlockHeader; profile: Profile }, ContainerError> {
  const end = padded.indexOf(0);
  let json: unknown;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(end < 0 ? padded : padded.subarray(0, end));
    json = JSON.parse(text);
  } catch {
    return malformed("header is not JSON");
  }
  const parsed = headerSchema.safeParse(json);
  if (!parsed.success) return malformed("block header");
  const profile = findProfile(parsed.data.profile);
  if (!profile.ok) return malformed("unknown profile");
  const { parameterDigest: actual } = parsed.data;
  if (profile.value.digest !== actual) {
    return err({ code: "CONTEXT_MISMATCH", expected: profile.value.digest, actual });
  }
  return ok({ header: parsed.data, profile: profile.value });
}

function checkExpected(
  header: BlockHeader,
  { contextDigest, label }: ExpectedBlock,
): ContainerError | undefined {
  if (contextDigest !== undefined && header.contextDigest !== contextDigest) {
    return { code: "CONTEXT_MISMATCH", expected: contextDigest, actual: header.contextDigest };
  }
  if (label !== undefined && canonicalJson(header.label) !== canonicalJson(label)) {
    return { code: "CONTAINER_MALFORMED", detail: "the block is another one than the manifest names" };
  }
  return undefined;
}

const headBytes = (headerBytes: number, rows: number): number =>
  align(blockPrefixBytes + headerBytes + 4 * rows + digestBytes, 64);

const isAscending = (indexes: Uint32Array): boolean =>
  indexes.every((index, i) => i === 0 || index > (indexes[i - 1] as number));

const malformed = (detail: string) => err({ code: "CONTAINER_MALFORMED", detail } as const);
const truncated = (expectedBytes: number, actualBytes: number) =>
  err({ code: "CONTAINER_TRUNCATED", expectedBytes, actualBytes } as const);

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
const align = (size: number, to: number): number => Math.ceil(size / to) * to;
const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();
const equalBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
