import { createHash } from "node:crypto";
import type { Digest, Result } from "@cos/protocol";
import { canonicalJson } from "@cos/protocol/canonical-json";
import { err, ok } from "@cos/protocol/result";
import {
  type BlockHead,
  type BlockLabel,
  blockHeadSize,
  blockMagic,
  blockPrefixBytes,
  blockRowBytes,
  blockVersion,
  digestBytes,
  encodeBlockHead,
  isAscending,
  maxBlockRows,
  rowDigest,
  seedAt,
} from "./block-head.ts";
import { type BlockHeader, blockHeaderSchema } from "./block-header.ts";
import type { ContainerError } from "./framed-file.ts";
import type { Profile } from "./profile.ts";
import { findProfile } from "./profiles.ts";

const maxHeaderBytes = 16_384;

/** What the reader of a block knows from elsewhere, and insists on. */
export type ExpectedBlock = {
  /** Context that the block must have been made under. */
  contextDigest?: Digest;
  /** Label that the manifest gives it. */
  label?: BlockLabel;
};

/** Size of the head, from a block's first `blockPrefixBytes`; nothing else is believed yet. */
export function blockHeadBytes(prefix: Uint8Array): Result<number, ContainerError> {
  if (prefix.length < blockPrefixBytes) return truncated(blockPrefixBytes, prefix.length);
  const view = viewOf(prefix);
  if (new TextDecoder("latin1").decode(prefix.subarray(0, 4)) !== blockMagic) {
    return malformed("not this kind of container");
  }
  if (view.getUint32(4, true) !== blockVersion) return malformed("unknown version");
  const headerBytes = view.getUint32(8, true);
  const rows = view.getUint32(12, true);
  if (headerBytes > maxHeaderBytes || headerBytes % 4 !== 0) return malformed("header size");
  if (rows < 1 || rows > maxBlockRows) return malformed("row count");
  return ok(blockHeadSize(headerBytes, rows));
}

/** The public seed, from a block's first `blockPrefixBytes`. */
export function blockSeed(prefix: Uint8Array): Result<Uint8Array, ContainerError> {
  const size = blockHeadBytes(prefix);
  return size.ok ? ok(prefix.slice(seedAt, blockPrefixBytes)) : size;
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
  const seed = head.slice(seedAt, blockPrefixBytes);
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
  const parsed = blockHeaderSchema.safeParse(json);
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

const malformed = (detail: string) => err({ code: "CONTAINER_MALFORMED", detail } as const);
const truncated = (expectedBytes: number, actualBytes: number) =>
  err({ code: "CONTAINER_TRUNCATED", expectedBytes, actualBytes } as const);

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();
const equalBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
