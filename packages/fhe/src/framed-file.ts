import { createHash } from "node:crypto";
import type { Result } from "@cos/protocol";
import { canonicalJson } from "@cos/protocol/canonical-json";
import { joinPieces } from "@cos/protocol/object-digest";
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
  const digested = records.map((record) => withDigest(shape, record));
  const head = frameHead(shape, header, digested);
  return [head, ...records.map((record) => record.payload as Uint8Array<ArrayBuffer>)];
}

/** A record without its payload. */
type DigestedRecord = { fields: readonly number[]; digest: Uint8Array };

/** Everything up to the seal alone, for payloads that lie elsewhere. */
export function frameHead(
  shape: FrameShape,
  header: unknown,
  records: readonly DigestedRecord[],
): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(canonicalJson(header));
  const headerBytes = align(json.length);
  const recordBytes = recordBytesOf(shape);
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
    out.set(record.digest, at + shape.fieldCount * 4);
    at += recordBytes;
  }
  out.set(sha256(out.subarray(0, sealAt)), sealAt);
  return out;
}

/** A record with its digest, which is worked out where it is not known. */
export function withDigest(shape: FrameShape, record: FrameRecord): FrameRecord & DigestedRecord {
  const { fields, payload, digest } = record;
  if (digest !== undefined) return { fields, payload, digest };
  const bytes = new Uint8Array(fields.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [i, field] of fields.entries()) view.setUint32(4 * i, field, true);
  return { fields, payload, digest: recordDigest(shape, bytes, payload) };
}

/** What a reader knows of its frames. */
export type FrameFormat<H> = FrameShape & {
  /** Turns the header's JSON into a typed header, or says why not. */
  readHeader(json: unknown): Result<H, ContainerError>;
  /** Size of a record's payload, from header and fields; undefined refuses the record. */
  payloadBytes(header: H, fields: number[]): number | undefined;
};

/** What a frame's head says of its records, after sizes and seal were checked. */
type FrameRecords<H> = {
  header: H;
  count: number;
  fields(index: number): number[];
  /** What the record states as its digest. */
  digest(index: number): Uint8Array;
};

type FrameHead<H> = FrameRecords<H> & {
  /** Where a record's payload begins in the frame; for `count`, where the frame ends. */
  payloadAt(index: number): number;
  /** @errors `DIGEST_MISMATCH` where the bytes are not the record's payload */
  check(index: number, payload: Uint8Array): Result<Uint8Array, ContainerError>;
};

/** A frame in memory; payloads are checked one by one as they are asked for. */
export type Frame<H> = FrameRecords<H> & {
  /** @errors `DIGEST_MISMATCH` */
  payload(index: number): Result<Uint8Array, ContainerError>;
};

/** Bytes that lie somewhere and are read a part at a time. */
export type ByteSource = {
  readonly sizeBytes: number;
  /** `length` bytes from `first` on, or fewer where they end. They are the caller's own: it may change or free them. */
  read(first: number, length: number): Promise<Uint8Array>;
};

/** Bytes in memory as a source. */
export const memorySource = (bytes: Uint8Array): ByteSource => ({
  sizeBytes: bytes.length,
  read: async (first, length) => new Uint8Array(bytes.subarray(first, first + length)),
});

/** A frame of which only the head is in memory. */
export type StoredFrame<H> = FrameRecords<H> & {
  /**
   * Payloads of `count` records that follow one another, by one read; each is checked by the head as it was opened, so
   * that what changed since is refused.
   * @errors `DIGEST_MISMATCH`, `CONTAINER_TRUNCATED`, each in the place of its payload
   */
  payloads(first: number, count: number): Promise<Result<Uint8Array, ContainerError>[]>;
};

/** Opens a frame of unknown origin that lies in memory. */
export function openFrame<H>(bytes: Uint8Array, format: FrameFormat<H>): Result<Frame<H>, ContainerError> {
  const headBytes = frameHeadBytes(bytes, bytes.length, format);
  if (!headBytes.ok) return headBytes;
  const head = parseFrameHead(bytes.subarray(0, headBytes.value), bytes.length, format);
  if (!head.ok) return head;
  const { payloadAt, check, ...records } = head.value;
  return ok({
    ...records,
    payload: (index) => check(index, bytes.subarray(payloadAt(index), payloadAt(index + 1))),
  });
}

/** Opens a frame of unknown origin by its head alone, in two reads that follow one another. Memory: the head. */
export async function readFrame<H>(
  source: ByteSource,
  format: FrameFormat<H>,
): Promise<Result<StoredFrame<H>, ContainerError>> {
  const prefix = await source.read(0, fixedBytes);
  const headBytes = frameHeadBytes(prefix, source.sizeBytes, format);
  if (!headBytes.ok) return headBytes;
  const rest = await source.read(fixedBytes, headBytes.value - fixedBytes);
  const bytes = joinPieces([prefix, rest]);
  if (bytes.length < headBytes.value) return truncated(headBytes.value, bytes.length);
  const head = parseFrameHead(bytes, source.sizeBytes, format);
  if (!head.ok) return head;
  const { payloadAt, check, ...records } = head.value;
  return ok({
    ...records,
    payloads: async (first, count) => {
      if (!(first >= 0 && first + count <= records.count))
        throw new RangeError(`no record ${first + count - 1}`);
      const at = payloadAt(first);
      const run = await source.read(at, payloadAt(first + count) - at);
      return Array.from({ length: count }, (_, i) => {
        const end = payloadAt(first + i + 1);
        if (at + run.length < end) return truncated(end, at + run.length);
        return check(first + i, run.subarray(payloadAt(first + i) - at, end - at));
      });
    },
  });
}

/** Size of the head, from a frame's first bytes; nothing else is believed yet. @param sizeBytes of the whole frame */
function frameHeadBytes(
  prefix: Uint8Array,
  sizeBytes: number,
  shape: FrameShape,
): Result<number, ContainerError> {
  if (prefix.length < fixedBytes) return truncated(fixedBytes, prefix.length);
  const view = viewOf(prefix);
  const magic = new TextDecoder("latin1").decode(prefix.subarray(0, 4));
  if (magic !== shape.magic) return malformed("not this kind of container");
  if (view.getUint32(4, true) !== version) return malformed("unknown version");
  const headerBytes = view.getUint32(8, true);
  const count = view.getUint32(12, true);
  if (headerBytes > shape.maxHeaderBytes || headerBytes % 4 !== 0) return malformed("header size");
  if (count > shape.maxRecords) return malformed("record count");
  const headBytes = fixedBytes + headerBytes + count * recordBytesOf(shape) + digestBytes;
  return sizeBytes < headBytes ? truncated(headBytes, sizeBytes) : ok(headBytes);
}

/**
 * Reads a head of unknown origin.
 * @param head exactly the bytes that `frameHeadBytes` says
 * @param sizeBytes size of the whole frame; refused when the records need another
 */
function parseFrameHead<H>(
  head: Uint8Array,
  sizeBytes: number,
  format: FrameFormat<H>,
): Result<FrameHead<H>, ContainerError> {
  const sealAt = head.length - digestBytes;
  if (!equalBytes(sha256(head.subarray(0, sealAt)), head.subarray(sealAt))) {
    return err({ code: "DIGEST_MISMATCH", part: "header", index: 0 });
  }
  const view = viewOf(head);
  const recordsAt = fixedBytes + view.getUint32(8, true);
  const count = view.getUint32(12, true);
  const header = parseHeader(head.subarray(fixedBytes, recordsAt), format.readHeader);
  if (!header.ok) return header;

  const fieldBytes = format.fieldCount * 4;
  const recordAt = (index: number) => recordsAt + index * recordBytesOf(format);
  const fields = (index: number): number[] =>
    Array.from({ length: format.fieldCount }, (_, i) => view.getUint32(recordAt(index) + 4 * i, true));
  const starts = new Float64Array(count + 1);
  let end = head.length;
  for (let i = 0; i < count; i += 1) {
    starts[i] = end;
    const size = format.payloadBytes(header.value, fields(i));
    if (size === undefined) return malformed(`record ${i}`);
    end += size;
  }
  starts[count] = end;
  if (sizeBytes < end) return truncated(end, sizeBytes);
  if (sizeBytes > end) return malformed("bytes after the last payload");

  const digest = (index: number): Uint8Array =>
    head.subarray(recordAt(index) + fieldBytes, recordAt(index + 1));
  const check = (index: number, payload: Uint8Array): Result<Uint8Array, ContainerError> => {
    const at = recordAt(index);
    const actual = recordDigest(format, head.subarray(at, at + fieldBytes), payload);
    return equalBytes(digest(index), actual)
      ? ok(payload)
      : err({ code: "DIGEST_MISMATCH", part: "record", index });
  };
  const payloadAt = (index: number): number => starts[index] as number;
  return ok({ header: header.value, count, fields, digest, payloadAt, check });
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

const recordBytesOf = ({ fieldCount }: FrameShape): number => fieldCount * 4 + digestBytes;
const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
const align = (size: number): number => Math.ceil(size / 4) * 4;
const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();
const recordDigest = (shape: FrameShape, fields: Uint8Array, payload: Uint8Array): Uint8Array =>
  createHash("sha256").update(shape.magic).update(fields).update(payload).digest();
const equalBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
