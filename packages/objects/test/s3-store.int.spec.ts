import { randomBytes } from "node:crypto";
import { request } from "node:http";
import { digestOfBytes } from "@cos/protocol";
import { objectStoreContract, realPart } from "@cos/testkit";
import { Client } from "minio";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { objectKey, openS3Store, readObject, type S3Store, type S3StoreOptions } from "../src/index.ts";

describe.each([
  ["MinIO", realPart("s3")],
  ["another S3 store", realPart("s3Other")],
])("%s", (_name, server) => {
  describe.skipIf(server === undefined)("as object store", () => {
    const open = async (
      bucket: string,
      options: Partial<S3StoreOptions> = {},
    ): Promise<S3Store & { raw: Client }> => {
      const store = await openS3Store({ url: `${server}/${bucket}`, createBucket: true, ...options });
      return Object.assign(store, { raw: rawClient(server!) });
    };
    const newBucket = () => `cos-test-${randomBytes(6).toString("hex")}`;
    const dispose = async (store: S3Store & { raw: Client }, bucket: string) => {
      for await (const { key } of store.list("")) await store.delete(key);
      await store.sweepUploads(Math.floor(Date.now() / 1000) + 3600);
      await store.raw.removeBucket(bucket);
      await store.close();
    };

    objectStoreContract(async () => {
      const bucket = newBucket();
      const store = await open(bucket);
      return {
        store,
        overwrite: async (key, bytes) => {
          await store.raw.putObject(bucket, key, Buffer.from(bytes));
        },
        dispose: () => dispose(store, bucket),
      };
    });

    const bucket = newBucket();
    let store: Awaited<ReturnType<typeof open>>;
    beforeAll(async () => {
      store = await open(bucket, { singlePutBytes: 1_000_000 });
    });
    afterAll(() => dispose(store, bucket));

    const big = randomBytes(37_000_003); // three parts of 16 MiB at most, the last a short one
    const bigDigest = digestOfBytes(big);
    const bigKey = objectKey(bigDigest);
    async function* pieces(bytes: Uint8Array, until = bytes.length): AsyncIterable<Uint8Array> {
      for (let at = 0; at < until; at += 3_333_333) {
        yield bytes.subarray(at, Math.min(at + 3_333_333, until));
      }
    }

    it("stores a large object in parts, and gives back any span of it", async () => {
      const put = await store.put(bigKey, pieces(big), { sizeBytes: big.length });
      expect(put).toMatchObject({ ok: true, value: { sizeBytes: big.length } });
      const whole = await readObject(store, bigKey, big.length);
      expect(whole.ok && big.equals(whole.value)).toBe(true);
      const across = { first: 16_777_000, last: 33_600_000 };
      const span = await store.get(bigKey, across);
      const read = span.ok ? Buffer.concat(await Array.fromAsync(span.value.body)) : undefined;
      expect(read?.equals(big.subarray(across.first, across.last + 1))).toBe(true);
      await store.delete(bigKey);
    });

    it("shows nothing of a large object that breaks off or ends wrong, and leaves no parts", async () => {
      async function* breaking(): AsyncIterable<Uint8Array> {
        yield* pieces(big, 20_000_000);
        throw new Error("connection lost");
      }
      await expect(store.put(bigKey, breaking(), { sizeBytes: big.length })).rejects.toThrow(
        "connection lost",
      );
      const other = Buffer.from(big);
      other[30_000_000]! ^= 1;
      const wrong = await store.put(bigKey, pieces(other), { sizeBytes: big.length });
      expect(wrong).toMatchObject({ error: { code: "OBJECT_DIGEST_MISMATCH" } });
      expect(await store.head(bigKey)).toMatchObject({ error: { code: "OBJECT_NOT_FOUND" } });
      expect(await unfinished(store.raw, bucket, bigKey)).toBe(0);
    });

    it("lists more objects than fit on one page", async () => {
      const keys = Array.from({ length: 1_030 }, (_, n) => `page/${String(n).padStart(5, "0")}`);
      for (let at = 0; at < keys.length; at += 50) {
        const some = keys.slice(at, at + 50);
        await Promise.all(some.map((key) => store.put(key, Buffer.from(key), { sizeBytes: key.length })));
      }
      const found = (await Array.fromAsync(store.list("page/"))).map(({ key }) => key);
      expect(found.sort()).toEqual(keys);
    });

    it("signs URLs for the name under which others reach the store", async () => {
      const bytes = Buffer.from("by another name");
      const digest = digestOfBytes(bytes);
      await store.put(objectKey(digest), bytes, { sizeBytes: bytes.length });
      const elsewhere = await openS3Store({
        url: `${server}/${bucket}`,
        publicUrl: "http://objects.example:9",
      });
      const url = new URL(await elsewhere.presignGet(objectKey(digest), 60));
      expect(url.host).toBe("objects.example:9");
      // What a proxy of that name would pass on, host header included.
      expect(await getThrough(server!, url)).toEqual([200, "by another name"]);
      await elsewhere.close();
    });

    it("says when it is refused, and when the store is not there", async () => {
      const stranger = new URL(server!);
      stranger.password = "wrong-secret";
      const refused = await openS3Store({ url: `${stranger.href.replace(/\/$/, "")}/${bucket}` });
      await expect(refused.head("objects/x")).rejects.toMatchObject({ code: "OBJECTS_REFUSED" });
      await expect(refused.put("a/b", Buffer.from("x"), { sizeBytes: 1 })).rejects.toMatchObject({
        code: "OBJECTS_REFUSED",
      });
      await refused.close();
      const nobody = await openS3Store({ url: `http://a:b@127.0.0.1:9/${bucket}`, retries: 1 });
      await expect(nobody.head("objects/x")).rejects.toMatchObject({ code: "OBJECTS_UNAVAILABLE" });
      await expect(nobody.ping()).rejects.toMatchObject({ code: "OBJECTS_UNAVAILABLE" });
      await nobody.close();
      const noBucket = await openS3Store({ url: `${server}/${newBucket()}` });
      await expect(noBucket.ping()).rejects.toMatchObject({ code: "OBJECTS_REFUSED" });
      await expect(noBucket.get("objects/x")).rejects.toMatchObject({ code: "OBJECTS_REFUSED" });
      await noBucket.close();
    });
  });
});

function rawClient(server: string): Client {
  const { hostname, port, username, password } = new URL(server);
  return new Client({
    endPoint: hostname,
    port: Number(port),
    useSSL: false,
    accessKey: username,
    secretKey: password,
  });
}

/** Uploads in parts that were begun for this key and neither completed nor aborted. */
async function unfinished(client: Client, bucket: string, key: string): Promise<number> {
  return (await Array.fromAsync(client.listIncompleteUploads(bucket, key, true))).length;
}

/** GETs a URL's path from a server under the URL's own host name. */
function getThrough(server: string, url: URL): Promise<[number | undefined, string]> {
  const { hostname, port } = new URL(server);
  return new Promise((resolve, reject) => {
    const sent = request(
      { hostname, port, path: url.pathname + url.search, headers: { host: url.host } },
      async (response) =>
        resolve([response.statusCode, Buffer.concat(await Array.fromAsync(response)).toString()]),
    );
    sent.once("error", reject).end();
  });
}
