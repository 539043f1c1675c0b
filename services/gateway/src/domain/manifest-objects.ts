import type { Digest, Manifest, ObjectRef } from "@cos/protocol";

/** The objects that a version of a dataset consists of. `axis`: public description; `blocks`: people's rows. */
export type VersionObjects = {
  readonly manifest: ObjectRef;
  readonly axis: ObjectRef;
  readonly blocks: readonly ObjectRef[];
};

/**
 * @param audience `grantee` leaves out the arrays of traits that the dictionary does not show to grants; `owner` sees all
 */
export function manifestObjects(
  manifest: Manifest,
  self: ObjectRef,
  audience: "owner" | "grantee",
): VersionObjects {
  const hidden = new Set(manifest.traits.filter((t) => !t.visibleToGrant).map((t) => t.name));
  const arrays = manifest.arrays.filter(
    (a) => audience === "owner" || a.trait === undefined || !hidden.has(a.trait),
  );
  return {
    manifest: self,
    axis: manifest.variantAxis.object,
    blocks: arrays.flatMap((a) => a.blocks.map((b) => b.object)),
  };
}

/** Every object once, with its size in bytes. */
export function sizesByDigest(objects: VersionObjects): Map<Digest, number> {
  const all = [objects.manifest, objects.axis, ...objects.blocks];
  return new Map(all.map((object) => [object.digest, object.sizeBytes]));
}
