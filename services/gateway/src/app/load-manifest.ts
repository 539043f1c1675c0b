import { type ObjectStore, objectKey, readObject } from "@cos/objects";
import {
  checkManifestCommitment,
  type Digest,
  digestOfBytes,
  err,
  type Manifest,
  maxManifestBytes,
  type ObjectRef,
  ok,
  type PermitId,
  parseManifest,
  parseResultBundle,
  type Result,
  type ResultBundle,
} from "@cos/protocol";
import { parseObjectUri } from "../domain/object-path.ts";
import { type Refusal, refusal } from "../domain/refusal.ts";

export type LoadedManifest = { readonly manifest: Manifest; readonly object: ObjectRef };

/**
 * Reads a version's manifest from the store and holds it against what the chain committed to.
 * @errors `MANIFEST_INVALID` with the reason, such as `MANIFEST_COMMITMENT_MISMATCH`
 */
export async function loadManifest(
  objects: ObjectStore,
  version: { readonly manifestUri: string; readonly manifestCommitment: Digest },
): Promise<Result<LoadedManifest, Refusal>> {
  const digest = parseObjectUri(version.manifestUri);
  if (digest === undefined) return err(refusal("MANIFEST_INVALID", { reason: "MANIFEST_URI_MALFORMED" }));
  const bytes = await readWhole(objects, digest);
  if (!bytes.ok) return err(refusal("MANIFEST_INVALID", { reason: bytes.error, digest }));
  const parsed = parseManifest(bytes.value);
  if (!parsed.ok) return err(refusal("MANIFEST_INVALID", { reason: parsed.error.code, digest }));
  const checked = checkManifestCommitment(parsed.value, version.manifestCommitment);
  if (!checked.ok) {
    const { code: reason, expected, actual } = checked.error;
    return err(refusal("MANIFEST_INVALID", { reason, expected, actual, digest }));
  }
  return ok({ manifest: parsed.value, object: { digest, sizeBytes: bytes.value.length } });
}

export type LoadedBundle = { readonly bundle: ResultBundle; readonly object: ObjectRef };

/** @errors `BUNDLE_INVALID` with the reason, `BUNDLE_OF_ANOTHER_PERMIT` among them */
export async function loadBundle(
  objects: ObjectStore,
  resultUri: string,
  permitId: PermitId,
): Promise<Result<LoadedBundle, Refusal>> {
  const digest = parseObjectUri(resultUri);
  if (digest === undefined) return err(refusal("BUNDLE_INVALID", { reason: "RESULT_URI_MALFORMED" }));
  const bytes = await readWhole(objects, digest);
  if (!bytes.ok) return err(refusal("BUNDLE_INVALID", { reason: bytes.error, digest }));
  const parsed = parseResultBundle(bytes.value);
  if (!parsed.ok) return err(refusal("BUNDLE_INVALID", { reason: parsed.error.code, digest }));
  if (parsed.value.permitId !== permitId) {
    return err(refusal("BUNDLE_INVALID", { reason: "BUNDLE_OF_ANOTHER_PERMIT", digest }));
  }
  return ok({ bundle: parsed.value, object: { digest, sizeBytes: bytes.value.length } });
}

async function readWhole(objects: ObjectStore, digest: Digest): Promise<Result<Uint8Array, string>> {
  const read = await readObject(objects, objectKey(digest), maxManifestBytes);
  if (!read.ok) return err(read.error.code);
  return digestOfBytes(read.value) === digest ? ok(read.value) : err("OBJECT_DIGEST_MISMATCH");
}
