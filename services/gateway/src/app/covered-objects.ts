import { type ObjectStore, objectKey, readObject } from "@cos/objects";
import { type Digest, err, maxManifestBytes, ok, parseManifest, type Result } from "@cos/protocol";
import { manifestObjects, sizesByDigest } from "../domain/manifest-objects.ts";
import { type Refusal, refusal } from "../domain/refusal.ts";
import type { TransferScope } from "./repositories.ts";

type Sizes = ReadonlyMap<Digest, number>;
type ReadingScope = Exclude<TransferScope, { kind: "upload" }>;

/**
 * Which objects a reading transfer covers, with their sizes. A version's list is made from its manifest, whose digest was
 * checked against the chain when the ticket was redeemed, and kept for the next request.
 *
 * @param maxCached manifests remembered; a list of a million blocks takes some 150 MB
 */
export class CoveredObjects {
  readonly #objects: ObjectStore;
  readonly #maxCached: number;
  readonly #cache = new Map<string, Promise<Result<Sizes, Refusal>>>();

  constructor(objects: ObjectStore, maxCached = 32) {
    this.#objects = objects;
    this.#maxCached = maxCached;
  }

  /** @errors `MANIFEST_INVALID` when the manifest has vanished from the store since */
  of(scope: ReadingScope): Promise<Result<Sizes, Refusal>> {
    if (scope.kind === "result") {
      const refs = scope.entries === null ? [scope.bundle] : [scope.bundle, scope.entries];
      return Promise.resolve(ok(new Map(refs.map((ref) => [ref.digest, ref.sizeBytes]))));
    }
    const key = `${scope.audience}:${scope.manifest.digest}`;
    const known = this.#cache.get(key) ?? this.#read(scope);
    this.#cache.delete(key);
    this.#cache.set(key, known);
    if (this.#cache.size > this.#maxCached) this.#cache.delete(this.#cache.keys().next().value as string);
    known.then(
      (result) => result.ok || this.#cache.delete(key),
      () => this.#cache.delete(key),
    );
    return known;
  }

  async #read(scope: Extract<ReadingScope, { kind: "version" }>): Promise<Result<Sizes, Refusal>> {
    const { digest } = scope.manifest;
    const bytes = await readObject(this.#objects, objectKey(digest), maxManifestBytes);
    if (!bytes.ok) return err(refusal("MANIFEST_INVALID", { reason: bytes.error.code, digest }));
    const manifest = parseManifest(bytes.value);
    if (!manifest.ok) return err(refusal("MANIFEST_INVALID", { reason: manifest.error.code, digest }));
    return ok(sizesByDigest(manifestObjects(manifest.value, scope.manifest, scope.audience)));
  }
}
