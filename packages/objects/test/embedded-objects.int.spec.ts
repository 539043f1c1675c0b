import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { asDigest } from "@cos/protocol";
import { objectStoreContract, tempFolder } from "@cos/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type EmbeddedObjects, objectKey, openEmbeddedObjects } from "../src/index.ts";

const sha256 = (bytes: Uint8Array) => asDigest(`0x${createHash("sha256").update(bytes).digest("hex")}`);
const bytes = randomBytes(700_001);
const digest = sha256(bytes);
const key = objectKey(digest);
let now = 1_000_000;
let dataDir: string;
let objects: EmbeddedObjects;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "cos-objects-"));
  objects = await openEmbeddedObjects({ dataDir, now: () => now });
});
afterEach(async () => {
  await objects.close();
  await rm(dataDir, { recursive: true });
});

objectStoreContract(async () => {
  const folder = await tempFolder("objects");
  const { store, close } = await openEmbeddedObjects({ dataDir: folder.path });
  const dispose = async () => {
    await close();
    await folder.remove();
  };
  const overwrite = async (key: string, bytes: Uint8Array) => {
    const file = join(folder.path, "store", key);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, bytes);
  };
  return { store, overwrite, dispose };
});

describe("the embedded object store", () => {
  it("stores nothing when bytes are missing, too many or others", async () => {
    const wrong = sha256(Buffer.from("another"));
    expect(await objects.store.put(key, bytes, { sizeBytes: 700_000 })).toMatchObject({
      error: { code: "OBJECT_SIZE_MISMATCH", received: 700_001 },
    });
    expect(await objects.store.put(key, bytes, { sizeBytes: 700_002 })).toMatchObject({
      error: { code: "OBJECT_SIZE_MISMATCH" },
    });
    expect(await objects.store.put(key, bytes, { sizeBytes: 700_001, digest: wrong })).toMatchObject({
      error: { code: "OBJECT_DIGEST_MISMATCH" },
    });
    expect(await objects.store.head(key)).toMatchObject({ ok: false });
    expect(await readdir(join(dataDir, "store", "tmp"))).toEqual([]);
  });

  it("sweeps what a process left behind that died while it wrote, and nothing newer", async () => {
    const left = join(dataDir, "store", "tmp", "left-behind");
    await writeFile(left, "half of an object");
    expect(await objects.store.sweepUploads(Math.floor(Date.now() / 1000) - 60)).toBe(0);
    expect(await objects.store.sweepUploads(Math.floor(Date.now() / 1000) + 60)).toBe(1);
    expect(await readdir(join(dataDir, "store", "tmp"))).toEqual([]);
  });

  it("refuses keys that would leave the folder", async () => {
    for (const bad of [
      "../escape",
      "objects/../../x",
      "/etc/passwd",
      "tmp/x",
      "",
      "objects//x",
      "objects/.hidden",
    ]) {
      await expect(objects.store.put(bad, Buffer.alloc(1), { sizeBytes: 1 })).rejects.toThrow(
        "bad object key",
      );
    }
  });

  it("answers signed URLs until they expire, for their method, key and bytes only", async () => {
    const put = await objects.store.presignPut(key, 60, { sizeBytes: bytes.length, digest });
    expect((await fetch(put, { method: "PUT", body: randomBytes(700_001) })).status).toBe(400);
    expect((await fetch(put, { method: "PUT", body: bytes.subarray(1) })).status).toBe(411);
    expect((await fetch(put)).status).toBe(403);
    expect((await fetch(put, { method: "PUT", body: bytes })).status).toBe(200);
    const get = await objects.store.presignGet(key, 60);
    expect(Buffer.from(await (await fetch(get)).arrayBuffer()).equals(bytes)).toBe(true);
    const part = await fetch(get, { headers: { range: "bytes=5-9" } });
    expect([part.status, part.headers.get("content-range")]).toEqual([206, "bytes 5-9/700001"]);
    expect((await fetch(get.replace(key, `objects/${"0".repeat(64)}`))).status).toBe(403);
    now += 59;
    expect((await fetch(get)).status).toBe(200);
    now += 1;
    expect((await fetch(get)).status).toBe(403);
  });

  it("keeps objects and the validity of URLs over a restart on the same port", async () => {
    await objects.store.put(key, bytes, { sizeBytes: bytes.length, digest });
    const get = await objects.store.presignGet(key, 60);
    await objects.close();
    objects = await openEmbeddedObjects({ dataDir, now: () => now, port: Number(new URL(get).port) });
    expect((await fetch(get)).status).toBe(200);
  });
});
