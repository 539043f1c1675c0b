import { SimpleMerkleTree, StandardMerkleTree } from "@openzeppelin/merkle-tree";
import { digestOfJson } from "../canonical-json.ts";
import { asDigest, type Digest } from "../ids.ts";
import { err, ok, type Result } from "../result.ts";
import type { ArrayManifest, Manifest } from "./manifest.ts";

/** One leaf of the commitment tree: a part of the manifest under its own name. */
export type ManifestLeaf = { kind: "core" | "segment" | "array" | "trait"; name: string; digest: Digest };

/**
 * The leaves of a manifest: its core (version, contexts, variant axis), each segment, each array, each trait.
 * An array is a leaf of its own, so that adding a trait never touches the genotypes' leaf.
 */
export function manifestLeaves(manifest: Manifest): ManifestLeaf[] {
  const { segments, arrays, traits, ...core } = manifest;
  return [
    { kind: "core", name: "core", digest: digestOfJson(core) },
    ...segments.map((s) => ({ kind: "segment" as const, name: s.id, digest: digestOfJson(s) })),
    ...arrays.map((a) => ({ kind: "array" as const, name: a.name, digest: arrayDigest(a) })),
    ...traits.map((t) => ({ kind: "trait" as const, name: t.name, digest: digestOfJson(t) })),
  ];
}

/** An array's manifest with its blocks folded into a Merkle root, so that one block can be proved alone. */
export function arrayDigest(array: ArrayManifest): Digest {
  const { blocks, ...header } = array;
  return digestOfJson({ ...header, blocksRoot: blocksRoot(array) });
}

/** Merkle root over the array's blocks, in their order; zero when there are none. */
export function blocksRoot(array: ArrayManifest): Digest {
  if (array.blocks.length === 0) return asDigest(`0x${"0".repeat(64)}`);
  const leaves = array.blocks.map((block) => digestOfJson(block));
  return asDigest(SimpleMerkleTree.of(leaves, { sortLeaves: false }).root);
}

/** What goes on chain: the Merkle root over `manifestLeaves` (OpenZeppelin's standard tree of `(string, string, bytes32)`). */
export const manifestCommitment = (manifest: Manifest): Digest => asDigest(leafTree(manifest).root);

/** A proof that one part belongs to a committed manifest, for someone who should not see the rest. */
export function proveLeaf(manifest: Manifest, leaf: ManifestLeaf): Digest[] {
  return leafTree(manifest).getProof([leaf.kind, leaf.name, leaf.digest]).map(asDigest);
}

export const verifyLeaf = (root: Digest, leaf: ManifestLeaf, proof: readonly Digest[]): boolean =>
  StandardMerkleTree.verify(root, leafTypes, [leaf.kind, leaf.name, leaf.digest], [...proof]);

/** @errors `MANIFEST_COMMITMENT_MISMATCH` with both digests */
export function checkManifestCommitment(
  manifest: Manifest,
  expected: Digest,
): Result<Manifest, { code: "MANIFEST_COMMITMENT_MISMATCH"; expected: Digest; actual: Digest }> {
  const actual = manifestCommitment(manifest);
  if (actual === expected) return ok(manifest);
  return err({ code: "MANIFEST_COMMITMENT_MISMATCH", expected, actual });
}

const leafTypes = ["string", "string", "bytes32"];

const leafTree = (manifest: Manifest) =>
  StandardMerkleTree.of(
    manifestLeaves(manifest).map((leaf) => [leaf.kind, leaf.name, leaf.digest]),
    leafTypes,
  );
