import { type ObjectStore, objectKey, readObject } from "@cos/objects";
import { type Digest, digestOfBytes } from "@cos/protocol";
import type { Objects } from "../app/ports.ts";

/** The object store by digest. URLs live for `urlTtlSeconds`: at least as long as the longest task. */
export function objectBytes(store: ObjectStore, urlTtlSeconds: number): Objects {
  return {
    read: async (digest, maxBytes) => {
      const found = await readObject(store, objectKey(digest), maxBytes);
      if (!found.ok) return undefined;
      if (digestOfBytes(found.value) !== digest)
        throw new Error(`the store's bytes are not those of ${digest}`);
      return found.value;
    },
    write: async (bytes) => {
      const object = { digest: digestOfBytes(bytes), sizeBytes: bytes.length };
      const stored = await store.put(objectKey(object.digest), bytes, object);
      if (!stored.ok) throw new Error(`${stored.error.code}: ${object.digest}`);
      return object;
    },
    sizeOf: async (digest: Digest) => {
      const found = await store.head(objectKey(digest));
      return found.ok ? found.value.sizeBytes : undefined;
    },
    readUrl: (digest) => store.presignGet(objectKey(digest), urlTtlSeconds),
    writeUrl: (object) => store.presignPut(objectKey(object.digest), urlTtlSeconds, object),
    remove: (digest) => store.delete(objectKey(digest)),
  };
}
