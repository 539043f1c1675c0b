import { randomBytes } from "node:crypto";
import { digestOfBytes } from "@cos/protocol";
import { realPart, tempFolder } from "@cos/testkit";
import { Client } from "minio";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { cacheFolder } from "../../../tools/parts/cache-folder.ts";
import { runMinio, runVersity, type S3Server } from "../../../tools/parts/s3.ts";
import { objectKey, openS3Store, readObject, type S3Store, type S3StoreOptions } from "../src/index.ts";

describe.each([
  ["MinIO", realPart("s3"), runMinio],
  ["another S3 store", realPart("s3Other"), runVersity],
] as const)("%s that fails", (_name, there, run) => {
  describe.skipIf(there === undefined)("as object store", () => {
    let folder: Awaited<ReturnType<typeof tempFolder>>;
    let s3: S3Server;
    const stores: S3Store[] = [];
    const open = async (options: Partial<S3StoreOptions> = {}) => {
      const store = await openS3Store({ url: `${s3.url}/faults`, createBucket: true, ...options });
      stores.push(store);
      return store;
    };
    beforeAll(async () => {
      folder = await tempFolder("s3-faults");
      s3 = await run(folder.path, cacheFolder());
    });
    afterAll(async () => {
      await Promise.all(stores.map((store) => store.close()));
      await s3?.server.stop();
      await folder.remove();
    });
    beforeEach(async () => {
      await s3.server.thaw();
      await s3.server.start();
    });
    const some = (sizeBytes: number) => {
      const bytes = randomBytes(sizeBytes);
      return { bytes, key: objectKey(digestOfBytes(bytes)) };
    };
    async function* pieces(bytes: Uint8Array): AsyncIterable<Uint8Array> {
      for (let at = 0; at < bytes.length; at += 100_000) yield bytes.subarray(at, at + 100_000);
    }

    it("keeps every object that it took, whole, and shows no other, killed again and again", async () => {
      const store = await open({ retries: 1, singlePutBytes: 2_000_000 });
      const taken = new Map<string, Uint8Array>();
      const refused = new Set<string>();
      let stopping = false;
      const writers = Array.from({ length: 4 }, async (_, writer) => {
        while (!stopping) {
          const { bytes, key } = some(writer === 0 ? 3_000_000 : 200_000); // one of them in parts
          try {
            await store.put(key, writer % 2 ? bytes : pieces(bytes), { sizeBytes: bytes.length });
            taken.set(key, bytes);
          } catch (error) {
            refused.add(key);
            expect(error).toMatchObject({ code: "OBJECTS_UNAVAILABLE" });
          }
        }
      });
      for (let kills = 1; kills <= 2; kills += 1) {
        const enough = taken.size + 6;
        await expect.poll(() => taken.size, { timeout: 30_000 }).toBeGreaterThan(enough);
        await s3.server.kill();
        await s3.server.start();
      }
      stopping = true;
      await Promise.all(writers);
      for (const [key, bytes] of taken) {
        const read = await readObject(store, key, bytes.length);
        expect(read.ok && Buffer.compare(read.value, bytes)).toBe(0);
      }
      // What was refused is there whole, because only the answer was lost, or it is not there.
      for (const key of refused) {
        const found = await store.get(key);
        if (!found.ok) expect(found.error.code).toBe("OBJECT_NOT_FOUND");
        else for await (const _ of found.value.body); // throws OBJECT_CORRUPT for anything else
      }
    });

    it("is waited for while it restarts, where a request can be sent again", async () => {
      const store = await open({ retries: 12 });
      const { bytes, key } = some(10_000);
      await s3.server.kill();
      const put = store.put(key, bytes, { sizeBytes: bytes.length });
      const head = store.head(objectKey(digestOfBytes(randomBytes(1))));
      await s3.server.start();
      expect(await put).toMatchObject({ ok: true });
      expect(await head).toMatchObject({ error: { code: "OBJECT_NOT_FOUND" } });
    });

    it("breaks a reader off with an error, never with an end, when it dies in the middle of an object", async () => {
      const store = await open({ timeoutMs: 2_000, retries: 0 });
      const { bytes, key } = some(60_000_000);
      await store.put(key, bytes, { sizeBytes: bytes.length });
      const found = await store.get(key);
      let received = 0;
      const reading = async () => {
        if (!found.ok) return;
        for await (const piece of found.value.body) {
          if (received === 0) await s3.server.kill();
          received += piece.length;
        }
      };
      await expect(reading()).rejects.toMatchObject({ code: "OBJECTS_UNAVAILABLE" });
      expect(received).toBeLessThan(bytes.length);
      await s3.server.start();
    });

    it("holds nobody for ever when it stops answering", async () => {
      const store = await open({ timeoutMs: 500, retries: 1 });
      await s3.server.freeze();
      await expect(store.head("objects/x")).rejects.toMatchObject({ code: "OBJECTS_UNAVAILABLE" });
      await expect(store.put("a/b", Buffer.from("x"), { sizeBytes: 1 })).rejects.toMatchObject({
        code: "OBJECTS_UNAVAILABLE",
      });
      await s3.server.thaw();
      expect(await store.put("a/b", Buffer.from("x"), { sizeBytes: 1 })).toMatchObject({ ok: true });
    });

    it("is swept of the parts of an upload whose process died", async () => {
      const store = await open();
      const { hostname, port, username, password } = new URL(s3.url);
      const client = new Client({
        endPoint: hostname,
        port: Number(port),
        useSSL: false,
        accessKey: username,
        secretKey: password,
      });
      const key = objectKey(digestOfBytes(randomBytes(8)));
      const uploadID = await client.initiateNewMultipartUpload("faults", key, {});
      const part = { bucketName: "faults", objectName: key, uploadID, partNumber: 1, headers: {} };
      await client.uploadPart(part, randomBytes(6_000_000));
      const listed = async (prefix: string) =>
        (await Array.fromAsync(client.listIncompleteUploads("faults", prefix, true))).length;
      expect(await listed(key)).toBe(1);
      const canBeListed = (await listed("")) > 0; // MinIO lists by full key only, and deletes by itself after a day
      expect(await store.sweepUploads(Math.floor(Date.now() / 1000) - 3_600)).toBe(0);
      expect(await store.sweepUploads(Math.floor(Date.now() / 1000) + 60)).toBe(canBeListed ? 1 : 0);
      expect(await listed(key)).toBe(canBeListed ? 0 : 1);
      await client.abortMultipartUpload("faults", key, uploadID).catch(() => {});
    });
  });
});
