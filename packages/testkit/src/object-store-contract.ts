import { createHash, randomBytes } from "node:crypto";
import { type ObjectStore, objectKey, readObject } from "@cos/objects";
import { asDigest, type Digest, uploadHeaders } from "@cos/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const sizeBytes = 700_001; // several pieces of any stream, and no round number
const sha256 = (bytes: Uint8Array): Digest =>
  asDigest(`0x${createHash("sha256").update(bytes).digest("hex")}`);

export type ObjectStoreUnderTest = {
  readonly store: ObjectStore;
  /** Puts bytes under a key behind the store's back, as a faulty disk would. */
  overwrite(key: string, bytes: Uint8Array): Promise<void>;
  dispose(): Promise<void>;
};

/** What every object store does, a folder or S3. `make` opens an empty one. */
export function objectStoreContract(make: () => Promise<ObjectStoreUnderTest>): void {
  describe("object store", () => {
    let made: Awaited<ReturnType<typeof make>>;
    let store: ObjectStore;
    const bytes = randomBytes(sizeBytes);
    const digest = sha256(bytes);
    const key = objectKey(digest);

    beforeEach(async () => {
      made = await make();
      store = made.store;
    });
    afterEach(() => made.dispose());
    async function* inPieces(size = 50_000): AsyncIterable<Uint8Array> {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    }

    it("stores a stream and gives it back, whole or a span of it", async () => {
      const stored = await store.put(key, inPieces(), { sizeBytes, digest });
      expect(stored).toMatchObject({ ok: true, value: { key, sizeBytes } });
      const whole = await readObject(store, key, sizeBytes);
      expect(whole.ok && bytes.equals(whole.value)).toBe(true);
      const span = await store.get(key, { first: 10, last: 300_000 });
      const read = span.ok ? Buffer.concat(await Array.fromAsync(span.value.body)) : undefined;
      expect(read?.equals(bytes.subarray(10, 300_001))).toBe(true);
    });

    it("refuses a span outside the object, and an object that is larger than its reader takes", async () => {
      await store.put(key, bytes, { sizeBytes, digest });
      expect(await store.get(key, { first: 0, last: sizeBytes })).toMatchObject({
        error: { code: "OBJECT_RANGE" },
      });
      expect(await readObject(store, key, sizeBytes - 1)).toMatchObject({
        error: { code: "OBJECT_SIZE_MISMATCH" },
      });
    });

    it("stores nothing when bytes are missing, too many, others, or stop coming", async () => {
      async function* broken(): AsyncIterable<Uint8Array> {
        yield bytes.subarray(0, 100);
        throw new Error("connection lost");
      }
      const sizeFault = { error: { code: "OBJECT_SIZE_MISMATCH" } };
      expect(await store.put(key, inPieces(), { sizeBytes: sizeBytes - 1 })).toMatchObject(sizeFault);
      expect(await store.put(key, inPieces(), { sizeBytes: sizeBytes + 1 })).toMatchObject(sizeFault);
      expect(await store.put(key, bytes, { sizeBytes, digest: sha256(Buffer.from("x")) })).toMatchObject({
        error: { code: "OBJECT_DIGEST_MISMATCH" },
      });
      await expect(store.put(key, broken(), { sizeBytes })).rejects.toThrow("connection lost");
      expect(await store.head(key)).toMatchObject({ error: { code: "OBJECT_NOT_FOUND" } });
      expect(await Array.fromAsync(store.list(""))).toEqual([]);
    });

    it("takes the key's digest as announced, whether or not the caller announces one", async () => {
      const other = Buffer.from("not what the key says");
      const wrong = { error: { code: "OBJECT_DIGEST_MISMATCH" } };
      expect(await store.put(key, other, { sizeBytes: other.length })).toMatchObject(wrong);
      expect(await store.put(key, other, { sizeBytes: other.length, digest: sha256(other) })).toMatchObject(
        wrong,
      );
      async function* shifted(): AsyncIterable<Uint8Array> {
        yield bytes.subarray(1);
        yield bytes.subarray(0, 1);
      }
      expect(await store.put(key, shifted(), { sizeBytes })).toMatchObject(wrong);
      expect(await Array.fromAsync(store.list(""))).toEqual([]);
    });

    it("never hands over the whole of bytes that are not what the key says", async () => {
      const other = Buffer.from(bytes);
      other[sizeBytes - 1]! ^= 1;
      await made.overwrite(key, other);
      const found = await store.get(key);
      let received = 0;
      const reading = async () => {
        if (found.ok) for await (const piece of found.value.body) received += piece.length;
      };
      await expect(reading()).rejects.toMatchObject({ code: "OBJECT_CORRUPT" });
      expect(received).toBeLessThan(sizeBytes);
      await made.overwrite(key, bytes.subarray(0, 1000));
      await expect(readObject(store, key, sizeBytes)).rejects.toMatchObject({ code: "OBJECT_CORRUPT" });
    });

    it("keeps an empty object, and takes no key that could mean something else elsewhere", async () => {
      const empty = Buffer.alloc(0);
      await store.put(objectKey(sha256(empty)), empty, { sizeBytes: 0 });
      expect(await readObject(store, objectKey(sha256(empty)), 0)).toMatchObject({ ok: true });
      for (const bad of ["../escape", "objects/../x", "/etc/passwd", "", "objects//x", "Objects/x", "a b"]) {
        await expect(store.put(bad, empty, { sizeBytes: 0 })).rejects.toThrow("bad object key");
      }
    });

    it("takes the same object from many at once", async () => {
      const puts = Array.from({ length: 8 }, () => store.put(key, inPieces(), { sizeBytes, digest }));
      for (const stored of await Promise.all(puts)) expect(stored.ok).toBe(true);
      const whole = await readObject(store, key, sizeBytes);
      expect(whole.ok && bytes.equals(whole.value)).toBe(true);
    });

    it("replaces an object by another put under its key, and keeps the old one when that put fails", async () => {
      const text = async () => {
        const read = await readObject(store, "objects/replaced", 9);
        return read.ok ? Buffer.from(read.value).toString() : read.error.code;
      };
      await store.put("objects/replaced", Buffer.from("old"), { sizeBytes: 3 });
      await store.put("objects/replaced", Buffer.from("toolong"), { sizeBytes: 3 });
      expect(await text()).toBe("old");
      await store.put("objects/replaced", Buffer.from("newer"), { sizeBytes: 5 });
      expect(await text()).toBe("newer");
    });

    it("lists by prefix and deletes, twice if need be", async () => {
      for (const one of ["objects/a", "objects/b", "other/c"])
        await store.put(one, Buffer.from("x"), { sizeBytes: 1 });
      const keys = async () => (await Array.fromAsync(store.list("objects/"))).map((info) => info.key).sort();
      expect(await keys()).toEqual(["objects/a", "objects/b"]);
      await store.delete("objects/a");
      await store.delete("objects/a");
      expect(await keys()).toEqual(["objects/b"]);
      expect(await store.head("objects/a")).toMatchObject({ error: { code: "OBJECT_NOT_FOUND" } });
    });

    it("lends one object by URL, to read or to write, without credentials", async () => {
      const put = await store.presignPut(key, 60, { sizeBytes, digest });
      const headers = uploadHeaders(digest);
      const refused = await fetch(put, { method: "PUT", headers, body: randomBytes(sizeBytes) });
      expect(refused.ok).toBe(false);
      const short = await fetch(put, { method: "PUT", headers, body: bytes.subarray(1) });
      expect(short.ok).toBe(false);
      expect(await store.head(key)).toMatchObject({ ok: false });
      expect((await fetch(put, { method: "PUT", headers, body: bytes })).ok).toBe(true);
      const get = await store.presignGet(key, 60);
      expect(bytes.equals(Buffer.from(await (await fetch(get)).arrayBuffer()))).toBe(true);
      const span = await fetch(get, { headers: { range: "bytes=5-9" } });
      expect([span.status, span.headers.get("content-range")]).toEqual([206, `bytes 5-9/${sizeBytes}`]);
      expect((await fetch(get, { method: "PUT", body: bytes })).ok).toBe(false);
      expect((await fetch(get.replace(key, objectKey(sha256(Buffer.from("another")))))).ok).toBe(false);
    });
  });
}
