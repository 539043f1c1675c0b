import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, opendir, rename, rm, stat } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { err, ok, type Result } from "@cos/protocol";
import { BodyRefused, checkedBody } from "./checked-body.ts";
import { checkKey } from "./object-key.ts";
import type { ByteRange, ObjectError, ObjectInfo, ObjectStore, PutOptions } from "./object-store.ts";
import { digestsOf, readChecked, toPutError } from "./whole-object.ts";

type Presign = Pick<ObjectStore, "presignGet" | "presignPut">;

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
    sweepUploads: (before) => sweep(join(root, "tmp"), before),
  };
}

function pathOf(root: string, key: string): string {
  checkKey(key);
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
      for await (const piece of checkedBody(body, options.sizeBytes, digestsOf(key, options))) {
        await file.write(piece);
      }
      await file.datasync();
    } finally {
      await file.close();
    }
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    if (!(error instanceof BodyRefused)) throw error;
    return err(toPutError(key, options, error));
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
  if (range === undefined) return ok({ info, body: readChecked(info, bytesOf(pathOf(root, key), {})) });
  return ok({ info, body: bytesOf(pathOf(root, key), { start: range.first, end: range.last }) });
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

async function sweep(folder: string, before: number): Promise<number> {
  let swept = 0;
  for await (const entry of await opendir(folder)) {
    const file = join(folder, entry.name);
    const found = await stat(file).catch(() => undefined);
    if (found === undefined || found.birthtimeMs >= before * 1000) continue;
    await rm(file, { force: true });
    swept += 1;
  }
  return swept;
}
