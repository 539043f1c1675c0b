import { type ObjectInfo, objectKey } from "@cos/objects";
import { type Digest, digestOfBytes, err, ok, type Result } from "@cos/protocol";
import { LRUCache } from "lru-cache";
import { type ByteRange, parseByteRange, rangeLength } from "../domain/byte-range.ts";
import { type Refusal, refusal } from "../domain/refusal.ts";
import type { CoveredObjects } from "./covered-objects.ts";
import type { Dependencies } from "./dependencies.ts";
import type { Transfer } from "./repositories.ts";

export type Upload = {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly body: AsyncIterable<Uint8Array>;
};
export type OpenedObject = {
  readonly sizeBytes: number;
  readonly range: ByteRange;
  readonly body: AsyncIterable<Uint8Array>;
};

type Deps = Pick<Dependencies, "db" | "repositories" | "objects" | "limiter" | "now" | "settings">;

/** Ciphertext bytes in and out, under a redeemed ticket. Everything is decided before the first byte is read. */
export class ObjectTransfers {
  readonly #deps: Deps;
  readonly #covered: CoveredObjects;
  readonly #sizes = new LRUCache<Digest, number>({ max: 50_000 });
  constructor(deps: Deps, covered: CoveredObjects) {
    this.#deps = deps;
    this.#covered = covered;
  }

  /** @errors `TRANSFER_INVALID`, `RATE_LIMITED` */
  async authenticate(bearer: string | undefined): Promise<Result<Transfer, Refusal>> {
    const { db, repositories, limiter, now } = this.#deps;
    if (bearer === undefined || !/^[A-Za-z0-9_-]{43}$/.test(bearer)) return err(refusal("TRANSFER_INVALID"));
    const transfer = await repositories.transfers.findOpen(db, digestOfBytes(Buffer.from(bearer)), now());
    if (transfer === undefined) return err(refusal("TRANSFER_INVALID"));
    const allowed = await limiter.take("object", transfer.holder);
    return allowed.ok ? ok(transfer) : allowed;
  }

  /**
   * Whether an upload may begin, with its bytes taken off the budget.
   * @errors `TRANSFER_WRONG_DIRECTION`, `INVALID_FIELD` for an empty object, `OBJECT_TOO_LARGE`, `OBJECT_WITHDRAWN`,
   * `BUDGET_EXCEEDED`
   */
  async admitUpload(
    transfer: Transfer,
    digest: Digest,
    sizeBytes: number,
  ): Promise<Result<undefined, Refusal>> {
    const { db, repositories, now, settings } = this.#deps;
    const { maxObjectBytes } = settings;
    if (transfer.scope.kind !== "upload") return err(refusal("TRANSFER_WRONG_DIRECTION"));
    if (sizeBytes < 1) return err(refusal("INVALID_FIELD", { field: "content-length" }));
    if (sizeBytes > maxObjectBytes) return err(refusal("OBJECT_TOO_LARGE", { sizeBytes, maxObjectBytes }));
    if (await repositories.uploads.isWithdrawn(db, digest))
      return err(refusal("OBJECT_WITHDRAWN", { digest }));
    return (await repositories.transfers.takeBytes(db, transfer.tokenHash, sizeBytes, now()))
      ? ok(undefined)
      : err(refusal("BUDGET_EXCEEDED", { sizeBytes }));
  }

  /**
   * Stores an admitted upload, or nothing of it. Bytes that never came go back to the budget.
   * @errors `LENGTH_MISMATCH`, `DIGEST_MISMATCH`, `OBJECT_WITHDRAWN`
   */
  async store(transfer: Transfer, upload: Upload): Promise<Result<ObjectInfo, Refusal>> {
    const { db, repositories, objects } = this.#deps;
    const { digest, sizeBytes } = upload;
    const counted = countBytes(upload.body);
    let stored = false;
    try {
      const put = await objects.put(objectKey(digest), counted.body, { sizeBytes, digest });
      if (!put.ok) return err(putRefusal(put.error.code, upload, counted.received()));
      stored = true;
    } catch (error) {
      if (!(error instanceof BodyLost)) throw error;
      return err(refusal("LENGTH_MISMATCH", { announced: sizeBytes, received: counted.received() }));
    } finally {
      const missing = sizeBytes - counted.received();
      if (!stored && missing > 0) {
        await repositories.transfers.giveBackBytes(db, transfer.tokenHash, missing);
      }
    }
    return this.#remember(transfer, upload);
  }

  /** @errors as `open`, but nothing is taken off the budget */
  async inspect(transfer: Transfer, digest: Digest): Promise<Result<ObjectInfo, Refusal>> {
    const allowed = await this.#mayRead(transfer, digest, "head");
    return allowed.ok ? this.#head(digest) : allowed;
  }

  /**
   * Opens an object, or the part of it that a `Range` header asks for; its bytes are taken off the budget.
   * @errors `OBJECT_NOT_COVERED`, `OBJECT_MISSING`, `OBJECT_WITHDRAWN`, `RANGE_NOT_SATISFIABLE`, `BUDGET_EXCEEDED`
   */
  async open(
    transfer: Transfer,
    digest: Digest,
    rangeHeader: string | undefined,
  ): Promise<Result<OpenedObject, Refusal>> {
    const { db, repositories, objects, now } = this.#deps;
    const allowed = await this.#mayRead(transfer, digest, "get");
    if (!allowed.ok) return allowed;
    const size = await this.#sizeOf(digest);
    if (!size.ok) return size;
    const sizeBytes = size.value;
    const range = parseByteRange(rangeHeader, sizeBytes);
    if (range.kind === "unsatisfiable") return err(refusal("RANGE_NOT_SATISFIABLE", { sizeBytes }));
    const bytes = rangeLength(range, sizeBytes);
    if (!(await repositories.transfers.takeBytes(db, transfer.tokenHash, bytes, now()))) {
      return err(refusal("BUDGET_EXCEEDED", { sizeBytes: bytes }));
    }
    const found = await objects.get(objectKey(digest), range.kind === "part" ? range : undefined);
    if (found.ok) return ok({ sizeBytes, range, body: found.value.body });
    this.#sizes.delete(digest);
    await this.giveBack(transfer, bytes);
    return err(await this.#whyMissing(digest));
  }

  /** Bytes of an opened object that were not sent after all. */
  async giveBack(transfer: Transfer, bytes: number): Promise<void> {
    const { db, repositories } = this.#deps;
    if (bytes > 0) await repositories.transfers.giveBackBytes(db, transfer.tokenHash, bytes);
  }

  /** The object stands; who stored it is written down, unless it was withdrawn while it came in. */
  async #remember(transfer: Transfer, { digest, sizeBytes }: Upload): Promise<Result<ObjectInfo, Refusal>> {
    const { db, repositories, objects } = this.#deps;
    const { scope, tokenHash } = transfer;
    if (scope.kind !== "upload") throw new Error("an upload through a reading transfer");
    const kept = await db.inTransaction(async (tx) => {
      if (await repositories.uploads.isWithdrawn(tx, digest)) return false;
      await repositories.uploads.record(tx, { digest, sizeBytes, sbtId: scope.sbtId, tokenHash });
      return true;
    });
    if (kept) return this.#head(digest);
    await objects.delete(objectKey(digest));
    return err(refusal("OBJECT_WITHDRAWN", { digest }));
  }

  /**
   * A reader reads what its ticket covers. An uploader reads back what this transfer stored, and may ask whether its
   * identity stored an object before, so that an interrupted upload goes on where it stopped.
   */
  async #mayRead(
    { scope, tokenHash }: Transfer,
    digest: Digest,
    method: "get" | "head",
  ): Promise<Result<undefined, Refusal>> {
    const { db, repositories } = this.#deps;
    const notCovered = err(refusal("OBJECT_NOT_COVERED", { digest }));
    if (scope.kind === "upload") {
      const own = await repositories.uploads.wasPutInTransfer(db, digest, tokenHash);
      const known =
        own || (method === "head" && (await repositories.uploads.wasPutBy(db, digest, scope.sbtId)));
      return known ? ok(undefined) : notCovered;
    }
    const covered = await this.#covered.of(scope);
    if (!covered.ok) return covered;
    return covered.value.has(digest) ? ok(undefined) : notCovered;
  }

  async #head(digest: Digest): Promise<Result<ObjectInfo, Refusal>> {
    const { objects } = this.#deps;
    const info = await objects.head(objectKey(digest));
    return info.ok ? ok(info.value) : err(await this.#whyMissing(digest));
  }

  /** An object is what its digest says, so its size is asked for once. */
  async #sizeOf(digest: Digest): Promise<Result<number, Refusal>> {
    const known = this.#sizes.get(digest);
    if (known !== undefined) return ok(known);
    const info = await this.#head(digest);
    if (!info.ok) return info;
    this.#sizes.set(digest, info.value.sizeBytes);
    return ok(info.value.sizeBytes);
  }

  async #whyMissing(digest: Digest): Promise<Refusal> {
    const { db, repositories } = this.#deps;
    const isWithdrawn = await repositories.uploads.isWithdrawn(db, digest);
    return refusal(isWithdrawn ? "OBJECT_WITHDRAWN" : "OBJECT_MISSING", { digest });
  }
}

/** The client went away, or its bytes broke off. */
class BodyLost extends Error {}

function countBytes(body: AsyncIterable<Uint8Array>) {
  let received = 0;
  async function* counting(): AsyncIterable<Uint8Array> {
    const pieces = body[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await pieces.next().catch((cause: unknown) => {
          throw new BodyLost("the body broke off", { cause });
        });
        if (next.done === true) return;
        received += next.value.length;
        yield next.value;
      }
    } finally {
      await pieces.return?.();
    }
  }
  return { body: counting(), received: () => received };
}

function putRefusal(code: string, { digest, sizeBytes }: Upload, received: number): Refusal {
  if (code === "OBJECT_DIGEST_MISMATCH") return refusal("DIGEST_MISMATCH", { digest });
  if (code === "OBJECT_SIZE_MISMATCH") return refusal("LENGTH_MISMATCH", { announced: sizeBytes, received });
  throw new Error(`the object store answers a put with ${code}`);
}
