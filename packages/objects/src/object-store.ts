import type { Digest, Result } from "@cos/protocol";

/** Where an object lies in the store: `objects/<64 hex digits of its SHA-256>`. */
export const objectKey = (digest: Digest): string => `objects/${digest.slice(2)}`;

/** A span of bytes, both ends inclusive, as HTTP counts them. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

export type ObjectError =
  /** No object lies under the key. */
  | { code: "OBJECT_NOT_FOUND"; key: string }
  /** The bytes do not have the digest that they were announced under; nothing was stored. */
  | { code: "OBJECT_DIGEST_MISMATCH"; key: string }
  /** Fewer or more bytes came than were announced, or more than allowed; nothing was stored. */
  | { code: "OBJECT_SIZE_MISMATCH"; key: string; expected: number; received: number }
  /** The range lies outside the object. */
  | { code: "OBJECT_RANGE"; key: string; sizeBytes: number };

export interface ObjectInfo {
  readonly key: string;
  readonly sizeBytes: number;
  /** Unix seconds of the last write. */
  readonly modifiedAt: number;
}

/** The store cannot be used, or broke its word. */
export class ObjectStoreError extends Error {
  readonly code: ObjectStoreErrorCode;
  constructor(code: ObjectStoreErrorCode, message: string, options?: ErrorOptions) {
    super(`${code}: ${message}`, options);
    this.name = "ObjectStoreError";
    this.code = code;
  }
}

export type ObjectStoreErrorCode =
  /** It cannot be reached, does not answer in time, or says that it cannot serve now. Try again. */
  | "OBJECTS_UNAVAILABLE"
  /** It refuses what this process asks for: credentials, permissions or the bucket's name are wrong. */
  | "OBJECTS_REFUSED"
  /** The store's certificate is not to be believed, or the store did not believe ours, or it speaks no TLS. */
  | "OBJECTS_UNTRUSTED"
  /** The bytes that it gave are not those that the key names. */
  | "OBJECT_CORRUPT";

export interface PutOptions {
  /** Exactly this many bytes must come. */
  readonly sizeBytes: number;
  /** SHA-256 that the bytes must have; a key `objects/<64 hex digits>` says so by itself. */
  readonly digest?: Digest;
}

/**
 * Bytes under keys. A put is all or nothing and replaces what was there; a get streams, and ends with an error before its
 * last piece if the bytes of a whole object are not those that its key names. Lost infrastructure throws
 * `ObjectStoreError`; everything a caller can cause is an error value.
 */
export interface ObjectStore {
  put(
    key: string,
    body: AsyncIterable<Uint8Array> | Uint8Array,
    options: PutOptions,
  ): Promise<Result<ObjectInfo, ObjectError>>;
  get(
    key: string,
    range?: ByteRange,
  ): Promise<Result<{ info: ObjectInfo; body: AsyncIterable<Uint8Array> }, ObjectError>>;
  head(key: string): Promise<Result<ObjectInfo, ObjectError>>;
  /** Deleting what is not there is no error. */
  delete(key: string): Promise<void>;
  /** Keys under a prefix, in no particular order. */
  list(prefix: string): AsyncIterable<ObjectInfo>;
  /** A URL that answers GET (with Range) for `ttlSeconds`, without credentials. */
  presignGet(key: string, ttlSeconds: number): Promise<string>;
  /** A URL that takes a PUT of exactly these bytes, sent with `uploadHeaders(digest)` of @cos/protocol, for `ttlSeconds`, without credentials. */
  presignPut(key: string, ttlSeconds: number, options: Required<PutOptions>): Promise<string>;
  /**
   * Deletes what puts left behind that never ended, because their process died, and that began before this instant.
   * @param before Unix seconds
   * @returns how many there were
   */
  sweepUploads(before: number): Promise<number>;
}

/** Reads a whole object into memory; for manifests and other small ones. Refuses above `maxBytes`. */
export async function readObject(
  store: Pick<ObjectStore, "get">,
  key: string,
  maxBytes: number,
): Promise<Result<Uint8Array, ObjectError>> {
  const found = await store.get(key);
  if (!found.ok) return found;
  const { info, body } = found.value;
  if (info.sizeBytes > maxBytes) {
    const error = {
      code: "OBJECT_SIZE_MISMATCH",
      key,
      expected: maxBytes,
      received: info.sizeBytes,
    } as const;
    return { ok: false, error };
  }
  const bytes = new Uint8Array(info.sizeBytes);
  let offset = 0;
  for await (const piece of body) {
    bytes.set(piece, offset);
    offset += piece.length;
  }
  return { ok: true, value: bytes };
}
