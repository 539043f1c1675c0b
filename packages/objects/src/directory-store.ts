import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, opendir, rename, rm, stat } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { err, ok, type Result } from "@cos/protocol";
import { BodyRefused, checkedBody } from "./checked-body.ts";
import type { ByteRange, ObjectError, ObjectInfo, ObjectStore, PutOptions } from "./object-store.ts";

type Presign = Pick<ObjectStore, "presignGet" | "presignPut">;

/** Keys are plain words and digits between slashes, so that none can leave the folder. */
const goodKey = /^[a-z0-9][a-z0-9-]{0,127}(\/[a-z0-9][a-z0-9.-]{0,127}){0,3}$/;

/**
 * Objects as files of a folder. A put writes a temporary file, syncs it and renames it, so that a key holds all of its
 * bytes or nothing after a crash at any moment.
 */
export async function openDirectoryStore(root: string, presign: Presign): Promise<ObjectStore> {
  await mkdir(join(root, "tmp"), { recursive: true, mode: 0o700 });
  return {
    put: (key, body, options) => put(root, key, body, options),
    get: (key, range) => get(root, key, range),
    head: (key) => head(root, key),
    delete: (key) => rm(pathOf(root, key), { force: true }),
    list: (prefix) => list(root, prefix),
    ...presign,
  };
}

function pathOf(root: string, key: string): string {
  if (!goodKey.test(key) || key.startsWith("tmp")) throw new TypeError("bad object key");
  return join(root, ...key.split("/"));
}

async function put(
  root: string,
  key: string,
  body: AsyncIterable<Uint8Array> | Uint8Array,
  options: PutOptions,
): Promise<Result<ObjectInfo, ObjectError>> {
  const target = pathOf(root, key);
  const temporary = join(root, "tmp", randomUUID());
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      for await (const piece of checkedBody(body, options)) await file.write(piece);
      await file.datasync();
    } finally {
      await file.close();
    }
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    if (!(error instanceof BodyRefused)) throw error;
    if (error.reason === "digest") return err({ code: "OBJECT_DIGEST_MISMATCH", key });
    return err({ code: "OBJECT_SIZE_MISMATCH", key, expected: options.sizeBytes, received: error.received });
  }
  return head(root, key);
}

async function head(root: string, key: string): Promise<Result<ObjectInfo, ObjectError>> {
  try {
    const { size, mtimeMs } = await stat(pathOf(root, key));
    return ok({ key, sizeBytes: size, modifiedAt: Math.floor(mtimeMs / 1000) });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return err({ code: "OBJECT_NOT_FOUND", key });
    throw error;
  }
}

async function get(
  root: string,
  key: string,
  range?: ByteRange,
): Promise<Result<{ info: ObjectInfo; body: AsyncIterable<Uint8Array> }, ObjectError>> {
  const found = await head(root, key);
  if (!found.ok) return found;
  const info = found.value;
  if (range !== undefined && (range.first < 0 || range.first > range.last || range.last >= info.sizeBytes)) {
    return err({ code: "OBJECT_RANGE", key, sizeBytes: info.sizeBytes });
  }
  const span = range === undefined ? {} : { start: range.first, end: range.last };
  return ok({ info, body: bytesOf(pathOf(root, key), span) });
}

/** Opens the file when it is first read, so that a body that nobody wants holds no descriptor. */
async function* bytesOf(path: string, span: { start?: number; end?: number }): AsyncIterable<Uint8Array> {
  yield* createReadStream(path, { highWaterMark: 256 * 1024, ...span });
}

async function* list(root: string, prefix: string): AsyncIterable<ObjectInfo> {
  for await (const entry of await opendir(root, { recursive: true })) {
    if (!entry.isFile()) continue;
    const key = relative(root, join(entry.parentPath, entry.name)).split(sep).join("/");
    if (key.startsWith("tmp/") || !key.startsWith(prefix)) continue;
    const info = await head(root, key);
    if (info.ok) yield info.value;
  }
}
