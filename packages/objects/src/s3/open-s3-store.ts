import { Readable } from "node:stream";
import { type Digest, err, ok, type Result, uploadHeaders } from "@cos/protocol";
import type { TlsMaterial } from "@cos/tls";
import pRetry from "p-retry";
import { BodyRefused, checkedBody } from "../checked-body.ts";
import { checkKey } from "../object-key.ts";
import {
  type ByteRange,
  type ObjectError,
  type ObjectInfo,
  type ObjectStore,
  ObjectStoreError,
  type PutOptions,
} from "../object-store.ts";
import { digestsOf, readChecked, toPutError } from "../whole-object.ts";
import type { Download } from "./downloads.ts";
import { multipartPut } from "./multipart-put.ts";
import { presigner } from "./presign.ts";
import { readBody } from "./read-body.ts";
import { connectS3, readS3Url, type S3Address, type S3Connection } from "./s3-client.ts";
import { codeOf, isMissing, isPassing, isWrongDigest, toObjectStoreError } from "./s3-failure.ts";

export type S3StoreOptions = {
  /** `http(s)://ACCESS:SECRET@host:port/bucket`. */
  readonly url: string;
  /** Root of presigned URLs, where their holders reach the store under another name; no path. */
  readonly publicUrl?: string;
  readonly region?: string;
  /** For https: without it a public authority must have certified the store. */
  readonly tls?: TlsMaterial;
  /** Makes the bucket when it is not there. */
  readonly createBucket?: boolean;
  /** A request on which nothing moves for this long is given up. */
  readonly timeoutMs?: number;
  /** Requests that may simply be sent again are, this many times. */
  readonly retries?: number;
  readonly maxSockets?: number;
  /** Objects larger than this are stored in parts. */
  readonly singlePutBytes?: number;
};

export interface S3Store extends ObjectStore {
  /** Resolves when the store answers for the bucket. @throws ObjectStoreError */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the cluster's object store: a bucket of anything that speaks S3. Bytes are checked against their SHA-256 by us on
 * the way in and out, and by the store on the way in.
 * @throws TypeError for a URL that is not of that form; ObjectStoreError when a bucket was to be made and could not
 */
export async function openS3Store(options: S3StoreOptions): Promise<S3Store> {
  const { region = "us-east-1", timeoutMs = 30_000, maxSockets = 64, tls } = options;
  const address = readS3Url(options.url);
  if (tls && !address.secure) throw new TypeError("the object store's URL is http, and TLS is set for it");
  const connection = connectS3(address, { region, timeoutMs, maxSockets, ...(tls ? { tls } : {}) });
  const store = new BucketStore(address, connection, options, region, timeoutMs);
  if (options.createBucket) {
    await store.createBucket().catch((error: unknown) => {
      connection.close();
      throw toObjectStoreError(error);
    });
  }
  return store;
}

/** A signature of our own is used at once; clocks differ by less. */
const readWithinSeconds = 900;

class BucketStore implements S3Store {
  readonly #bucket: string;
  readonly #secure: boolean;
  readonly #connection: S3Connection;
  readonly #region: string;
  readonly #timeoutMs: number;
  readonly #retries: number;
  readonly #singlePutBytes: number;
  /** For others, who may know the store by another name. */
  readonly #presign: ReturnType<typeof presigner>;
  readonly #sign: ReturnType<typeof presigner>;

  constructor(
    address: S3Address,
    connection: S3Connection,
    options: S3StoreOptions,
    region: string,
    timeoutMs: number,
  ) {
    this.#bucket = address.bucket;
    this.#secure = address.secure;
    this.#connection = connection;
    this.#region = region;
    this.#timeoutMs = timeoutMs;
    this.#retries = options.retries ?? 4;
    this.#singlePutBytes = options.singlePutBytes ?? 64 * 1024 * 1024;
    const origin = new URL(options.publicUrl ?? new URL(options.url).origin);
    if (origin.pathname !== "/" || origin.search !== "")
      throw new TypeError("publicUrl names more than a root");
    this.#presign = presigner(address, origin, region);
    this.#sign = presigner(address, new URL(new URL(options.url).origin), region);
  }

  async createBucket(): Promise<void> {
    const { client } = this.#connection;
    await this.#retrying(async () => {
      if (await client.bucketExists(this.#bucket)) return;
      await client.makeBucket(this.#bucket, this.#region).catch((error: unknown) => {
        if (!codeOf(error).startsWith("BucketAlready")) throw error;
      });
    });
  }

  async put(
    key: string,
    body: AsyncIterable<Uint8Array> | Uint8Array,
    options: PutOptions,
  ): Promise<Result<ObjectInfo, ObjectError>> {
    checkKey(key);
    const digests = digestsOf(key, options);
    const checked = checkedBody(body, options.sizeBytes, digests);
    try {
      if (options.sizeBytes > this.#singlePutBytes) {
        const place = { bucket: this.#bucket, key };
        await multipartPut(this.#connection.client, place, checked, (request) => this.#retrying(request));
      } else if (body instanceof Uint8Array || digests[0] === undefined) {
        await this.#putBytes(key, Buffer.concat(await Array.fromAsync(checked)));
      } else {
        await this.#putStream(key, checked, options.sizeBytes, digests[0]);
      }
    } catch (error) {
      if (error instanceof BodyRefused) return err(toPutError(key, options, error));
      if (isWrongDigest(error)) return err({ code: "OBJECT_DIGEST_MISMATCH", key });
      throw toObjectStoreError(error);
    }
    return ok({ key, sizeBytes: options.sizeBytes, modifiedAt: Math.floor(Date.now() / 1000) });
  }

  async #putBytes(key: string, bytes: Buffer): Promise<void> {
    await this.#retrying(() => this.#connection.client.putObject(this.#bucket, key, bytes));
  }

  /** Streams without holding the body, so it cannot be sent twice: a failure is the caller's to repeat. */
  async #putStream(
    key: string,
    body: AsyncIterable<Uint8Array>,
    sizeBytes: number,
    digest: Digest,
  ): Promise<void> {
    const headers = { ...uploadHeaders(digest), "content-length": sizeBytes };
    const request = { method: "PUT", bucketName: this.#bucket, objectName: key, headers };
    const signed = this.#secure ? "" : digest.slice(2).toLowerCase();
    const stream = Readable.from(body, { objectMode: false, highWaterMark: 256 * 1024 });
    const answer = await this.#connection.client.makeRequestStreamAsync(request, stream, signed, [200], "");
    answer.resume();
  }

  async get(
    key: string,
    range?: ByteRange,
  ): Promise<Result<{ info: ObjectInfo; body: AsyncIterable<Uint8Array> }, ObjectError>> {
    checkKey(key);
    if (range !== undefined && (range.first < 0 || range.first > range.last)) return this.#outside(key);
    let opened: Download;
    try {
      opened = await this.#retrying(() => this.#open(key, range));
    } catch (error) {
      if (isMissing(error)) return err({ code: "OBJECT_NOT_FOUND", key });
      if (codeOf(error) === "InvalidRange") return this.#outside(key);
      throw toObjectStoreError(error);
    }
    const { headers } = opened;
    const total = range === undefined ? headers["content-length"] : totalOf(headers);
    const info = { key, sizeBytes: Number(total), modifiedAt: modifiedAt(headers) };
    if (range !== undefined && range.last >= info.sizeBytes) {
      opened.body.destroy(); // S3 gives what there is of a span that goes too far
      return err({ code: "OBJECT_RANGE", key, sizeBytes: info.sizeBytes });
    }
    const body = readBody(opened.body, this.#timeoutMs);
    return ok({ info, body: range === undefined ? readChecked(info, body) : body });
  }

  /** Anything but the bytes is asked for again through MinIO's client, which says what is wrong. */
  async #open(key: string, range: ByteRange | undefined): Promise<Download> {
    const { client, downloads } = this.#connection;
    const found = await downloads.open(this.#sign.get(key, readWithinSeconds), range);
    if (found !== undefined) return found;
    const headers = range === undefined ? {} : { range: `bytes=${range.first}-${range.last}` };
    const request = { method: "GET", bucketName: this.#bucket, objectName: key, headers };
    const answer = await client.makeRequestAsync(request, "", range === undefined ? [200] : [206]);
    return { headers: answer.headers, body: answer };
  }

  async #outside(key: string): Promise<Result<never, ObjectError>> {
    const found = await this.head(key);
    return found.ok ? err({ code: "OBJECT_RANGE", key, sizeBytes: found.value.sizeBytes }) : found;
  }

  async head(key: string): Promise<Result<ObjectInfo, ObjectError>> {
    checkKey(key);
    try {
      const found = await this.#retrying(() => this.#connection.client.statObject(this.#bucket, key));
      return ok({ key, sizeBytes: found.size, modifiedAt: Math.floor(found.lastModified.getTime() / 1000) });
    } catch (error) {
      if (isMissing(error)) return err({ code: "OBJECT_NOT_FOUND", key });
      throw toObjectStoreError(error);
    }
  }

  async delete(key: string): Promise<void> {
    checkKey(key);
    try {
      await this.#retrying(() => this.#connection.client.removeObject(this.#bucket, key));
    } catch (error) {
      if (!isMissing(error)) throw toObjectStoreError(error);
    }
  }

  async *list(prefix: string): AsyncGenerator<ObjectInfo, void, undefined> {
    let next = "";
    do {
      const page = await this.#page(prefix, next);
      for (const { name, size, lastModified } of page.objects) {
        if (name === undefined) continue;
        yield { key: name, sizeBytes: size, modifiedAt: Math.floor(lastModified.getTime() / 1000) };
      }
      next = page.isTruncated ? page.nextContinuationToken : "";
    } while (next !== "");
  }

  async #page(prefix: string, token: string) {
    try {
      return await this.#retrying(() =>
        this.#connection.client.listObjectsV2Query(this.#bucket, prefix, token, "", 1000, ""),
      );
    } catch (error) {
      throw toObjectStoreError(error);
    }
  }

  presignGet(key: string, ttlSeconds: number): Promise<string> {
    checkKey(key);
    return Promise.resolve(this.#presign.get(key, ttlSeconds));
  }

  presignPut(key: string, ttlSeconds: number, { digest }: Required<PutOptions>): Promise<string> {
    checkKey(key);
    return Promise.resolve(this.#presign.put(key, ttlSeconds, digest));
  }

  /** Sees what the store lists. MinIO lists none but deletes such uploads itself, a day after they began. */
  async sweepUploads(before: number): Promise<number> {
    const { client } = this.#connection;
    let swept = 0;
    try {
      for await (const found of client.listIncompleteUploads(this.#bucket, "", true)) {
        const upload = found as { key: string; uploadId: string; initiated: Date | string };
        if (new Date(upload.initiated).getTime() >= before * 1000) continue;
        await this.#retrying(() =>
          client.abortMultipartUpload(this.#bucket, upload.key, upload.uploadId),
        ).catch((error) => {
          if (codeOf(error) !== "NoSuchUpload") throw error;
        });
        swept += 1;
      }
    } catch (error) {
      throw toObjectStoreError(error);
    }
    return swept;
  }

  async ping(): Promise<void> {
    let there: boolean;
    try {
      there = await this.#connection.client.bucketExists(this.#bucket);
    } catch (error) {
      throw toObjectStoreError(error);
    }
    if (!there) throw new ObjectStoreError("OBJECTS_REFUSED", "the bucket is not there");
  }

  async close(): Promise<void> {
    this.#connection.close();
  }

  /** Sends a request again that found the store busy or gone, if sending it twice does no harm. */
  #retrying<T>(request: () => Promise<T>): Promise<T> {
    return pRetry(request, {
      retries: this.#retries,
      minTimeout: 100,
      maxTimeout: 3_000,
      randomize: true,
      shouldRetry: ({ error }) => isPassing(error),
    });
  }
}

const totalOf = (headers: Download["headers"]): string | undefined =>
  /\/(\d+)$/.exec(String(headers["content-range"] ?? ""))?.[1];

const modifiedAt = (headers: Download["headers"]): number =>
  Math.floor(new Date(String(headers["last-modified"] ?? 0)).getTime() / 1000);
