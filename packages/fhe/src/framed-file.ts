import { createHash } from "node:crypto";
import type { Result } from "@cos/protocol";
import { canonicalJson } from "@cos/protocol/canonical-json";
import { err, ok } from "@cos/protocol/result";

/**
 * The frame shared by blocks and ciphertext lists. Little-endian, everything 4-byte aligned:
 *
 *     magic[4] version:u32 headerBytes:u32 records:u32
 *     header       canonical JSON, zero-padded to a multiple of 4
 *     records      `fieldCount` u32 each, then SHA-256 over (magic, fields, payload)
 *     seal[32]     SHA-256 over everything above
 *     payloads     in the records' order, sizes derived from header and fields
 *
 * A reader checks sizes before it allocates or hashes, the seal before it believes a size's origin, and a payload's
 * digest before it hands the payload out.
 */
export type FrameShape = {
  magic: string;
  fieldCount: number;
  maxRecords: number;
  maxHeaderBytes: number;
};

export type FrameRecord = {
  fields: readonly number[];
  payload: Uint8Array;
  /** The record's digest where it is known already: fields and payload as they stood in another frame of this shape. */
  digest?: Uint8Array | undefined;
};

export type ContainerError =
  /** Fewer bytes than the header promises, or than a header needs. */
  | { code: "CONTAINER_TRUNCATED"; expectedBytes: number; actualBytes: number }
  /** Not this format, an impossible count, bytes left over, a residue that is not below its prime. */
  | { code: "CONTAINER_MALFORMED"; detail: string }
  /** The seal over header and records, or a record's digest over its payload, does not match. */
  | { code: "DIGEST_MISMATCH"; part: "header" | "record"; index: number }
  /** Made under another key or other parameters than expected. */
  | { code: "CONTEXT_MISMATCH"; expected: string; actual: string };

const version = 1;
const fixedBytes = 16;
const digestBytes = 32;

/** A frame in pieces: everything up to the seal, then the payloads as they are, which are not copied. */
export function framePieces(
  shape: FrameShape,
  header: unknown,
  records: readonly FrameRecord[],
): Uint8Array<ArrayBuffer>[] {
  const json = new TextEncoder().encode(canonicalJson(header));
  const headerBytes = align(json.length);
  const recordBytes = shape.fieldCount * 4 + digestBytes;
  const sealAt = fixedBytes + headerBytes + records.length * recordBytes;
  const out = new Uint8Array(sealAt + digestBytes);
  const view = new DataView(out.buffer);
  out.set(new TextEncoder().encode(shape.magic), 0);
  view.setUint32(4, version, true);
  view.setUint32(8, headerBytes, true);
  view.setUint32(12, records.length, true);
  out.set(json, fixedBytes);

  let at = fixedBytes + headerBytes;
  for (const record of records) {
    for (const [i, field] of record.fields.entries()) view.setUint32(at + 4 * i, field, true);
    const fieldBytes = out.subarray(at, at + shape.fieldCount * 4);
    out.set(record.digest ?? recordDigest(shape, fieldBytes, record.payload), at + shape.fieldCount * 4);
    at += recordBytes;
  }
  out.set(sha256(out.subarray(0, sealAt)), sealAt);
  return [out, ...records.map((record) => record.payload as Uint8Array<ArrayBuffer>)];
}

/** A record with its digest, as `framePieces` would work it out. */
export function withDigest(shape: FrameShape, { fields, payload }: FrameRecord): FrameRecord {
  const bytes = new Uint8Array(fields.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [i, field] of fields.entries()) view.setUint32(4 * i, field, true);
  return { fields, payload, digest: recordDigest(shape, bytes, payload) };
}

/** A frame whose sizes and seal were checked; payloads are checked one by one as they are asked for. */
export type Frame<H> = {
  header: H;
  count: number;
  fields(index: number): number[];
  /** @errors `DIGEST_MISMATCH` */
  payload(index: number): Result<Uint8Array, ContainerError>;
  /** What the record states as its digest. */
  digest(index: number): Uint8Array;
};

/**
 * Opens a frame of unknown origin.
 * @param readHeader turns the header's JSON into a typed header, or says why not
 * @param payloadBytes size of a record's payload, from header and fields; undefined refuses the record
 */
export function openFrame<H>(
  bytes: Uint8Array,
  shape: FrameShape,
  readHeader: (json: unknown) => Result<H, ContainerError>,
  payloadBytes: (header: H, fields: number[]) => number | undefined,
): Result<Frame<H>, ContainerError> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < fixedBytes) return truncated(fixedBytes, bytes.length);
  const magic = new TextDecoder("latin1").decode(bytes.subarray(0, 4));
  if (magic !== shape.magic) return malformed("not this kind of container");
  if (view.getUint32(4, true) !== version) return malformed("unknown version");
  const headerBytes = view.getUint32(8, true);
  const count = view.getUint32(12, true);
  if (headerBytes > shape.maxHeaderBytes || headerBytes % 4 !== 0) return malformed("header size");
  if (count > shape.maxRecords) return malformed("record count");
  const recordBytes = shape.fieldCount * 4 + digestBytes;
  const sealAt = fixedBytes + headerBytes + count * recordBytes;
  if (bytes.length < sealAt + digestBytes) return truncated(sealAt + digestBytes, bytes.length);
  if (!equalBytes(sha256(bytes.subarray(0, sealAt)), bytes.subarray(sealAt, sealAt + digestBytes))) {
    return err({ code: "DIGEST_MISMATCH", part: "header", index: 0 });
  }

  const header = parseHeader(bytes.subarray(fixedBytes, fixedBytes + headerBytes), readHeader);
  if (!header.ok) return header;
  const recordAt = (index: number) => fixedBytes + headerBytes + index * recordBytes;
  const fields = (index: number): number[] =>
    Array.from({ length: shape.fieldCount }, (_, i) => view.getUint32(recordAt(index) + 4 * i, true));

  const ends = new Float64Array(count);
  let end = sealAt + digestBytes;
  for (let i = 0; i < count; i += 1) {
    const size = payloadBytes(header.value, fields(i));
    if (size === undefined) return malformed(`record ${i}`);
    end += size;
    ends[i] = end;
  }
  if (bytes.length < end) return truncated(end, bytes.length);
  if (bytes.length > end) return malformed("bytes after the last payload");

  const digest = (index: number): Uint8Array =>
    bytes.subarray(recordAt(index) + shape.fieldCount * 4, recordAt(index) + recordBytes);
  const payload = (index: number): Result<Uint8Array, ContainerError> => {
    const start = index === 0 ? sealAt + digestBytes : (ends[index - 1] as number);
    const data = bytes.subarray(start, ends[index]);
    const at = recordAt(index);
    const actual = recordDigest(shape, bytes.subarray(at, at + shape.fieldCount * 4), data);
    return equalBytes(digest(index), actual)
      ? ok(data)
      : err({ code: "DIGEST_MISMATCH", part: "record", index });
  };
  return ok({ header: header.value, count, fields, payload, digest });
}

function parseHeader<H>(
  padded: Uint8Array,
  readHeader: (json: unknown) => Result<H, ContainerError>,
): Result<H, ContainerError> {
  const end = padded.indexOf(0);
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(end < 0 ? padded : padded.subarray(0, end));
    return readHeader(JSON.parse(text));
  } catch {
    return malformed("header is not JSON");
  }
}

const malformed = (detail: string) => err({ code: "CONTAINER_MALFORMED", detail } as const);
const truncated = (expectedBytes: number, actualBytes: number) =>
  err({ code: "CONTAINER_TRUNCATED", expectedBytes, actualBytes } as const);

const align = (size: number): number => Math.ceil(size / 4) * 4;
const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();
const recordDigest = (shape: FrameShape, fields: Uint8Array, payload: Uint8Array): Uint8Array =>
  createHash("sha256").update(shape.magic).update(fields).update(payload).digest();
const equalBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
