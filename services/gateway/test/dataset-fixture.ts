import { randomBytes } from "node:crypto";
import { type ObjectStore, objectKey } from "@cos/objects";
import {
  asDigest,
  type Block,
  type Digest,
  digestOfBytes,
  type Manifest,
  manifestBytes,
  manifestCommitment,
  type ObjectRef,
} from "@cos/protocol";

const context = asDigest(`0x${"c0".repeat(32)}`);

export type StoredVersion = {
  readonly manifest: Manifest;
  readonly ref: ObjectRef;
  readonly uri: string;
  readonly commitment: Digest;
  readonly blocks: readonly ObjectRef[];
  readonly axis: ObjectRef;
};

/** Objects of random bytes, stored as they are named. */
export async function storeObject(store: ObjectStore, bytes: Uint8Array): Promise<ObjectRef> {
  const digest = digestOfBytes(bytes);
  const put = await store.put(objectKey(digest), bytes, { sizeBytes: bytes.length, digest });
  if (!put.ok) throw new Error(put.error.code);
  return { digest, sizeBytes: bytes.length };
}

/**
 * A version of a tiny dataset: one genotype array of one block a pair of rows, and one trait that grants do not see, with a
 * block of its own (the last of `blocks`).
 */
export async function storeVersion(
  store: ObjectStore,
  n: number,
  reason: "append" | "correct" | "withdraw" | "consent",
  parts: { genotypes: readonly ObjectRef[]; trait: ObjectRef; axis: ObjectRef },
): Promise<StoredVersion> {
  const manifest = manifestOf(n, reason, parts);
  const ref = await storeObject(store, manifestBytes(manifest));
  return {
    manifest,
    ref,
    uri: `cos-object:${ref.digest.slice(2)}`,
    commitment: manifestCommitment(manifest),
    blocks: [...parts.genotypes, parts.trait],
    axis: parts.axis,
  };
}

export const storeParts = async (store: ObjectStore, genotypeBlocks = 3) => ({
  genotypes: await Promise.all(
    Array.from({ length: genotypeBlocks }, () => storeObject(store, randomBytes(1000))),
  ),
  trait: await storeObject(store, randomBytes(700)),
  axis: await storeObject(store, randomBytes(300)),
});

function manifestOf(
  n: number,
  reason: "append" | "correct" | "withdraw" | "consent",
  { genotypes, trait, axis }: { genotypes: readonly ObjectRef[]; trait: ObjectRef; axis: ObjectRef },
): Manifest {
  const block = (object: ObjectRef, index: number, variantBlock: number | null): Block => ({
    index,
    segment: "s1",
    variantBlock,
    rowBlock: index,
    rows: [[index * 2, 2]],
    object,
  });
  const channel = (name: string, quantity: string) => ({
    name,
    quantity,
    radixPower: 0,
    scale: 1,
    offset: 0,
    bound: "2",
    missing: "zero" as const,
    at: { ciphertext: 0, coefficient: 0, multiplier: "1" },
  });
  const shared = {
    layout: "rows",
    profile: "test-profile",
    contextDigest: context,
    packing: "coefficient" as const,
    rowDeletable: true,
    ciphertextsPerRow: 1,
    rowsPerBlock: 2,
  };
  return {
    format: "cos-manifest/1",
    species: "human",
    assembly: "GRCh38",
    version: {
      n,
      parent: n === 1 ? null : asDigest(`0x${"0f".repeat(32)}`),
      reason,
      effectiveAt: 1_800_000_000,
    },
    keyId: asDigest(`0x${"0d".repeat(32)}`),
    contextDigest: context,
    contexts: [{ profile: "test-profile", contextDigest: context }],
    variantAxis: { object: axis, count: 4 },
    segments: [
      {
        id: "s1",
        site: "site-1",
        consentClass: ["DUO:0000042"],
        firstRow: 0,
        rowsPadded: Math.max(2, genotypes.length * 2),
        addedIn: 1,
        deletedRows: [],
        commitment: asDigest(`0x${"0e".repeat(32)}`),
      },
    ],
    arrays: [
      {
        ...shared,
        name: "G",
        axes: ["sample", "variant"],
        channels: [channel("alleles", "alleles")],
        variantBlocks: [{ index: 0, contig: "1", ploidy: "autosome", first: 0, count: 4 }],
        blocks: genotypes.map((object, i) => block(object, i, 0)),
      },
      {
        ...shared,
        name: "y",
        axes: ["sample"],
        trait: "hidden",
        channels: [channel("hidden", "hidden")],
        variantBlocks: [],
        blocks: [block(trait, 0, null)],
      },
    ],
    traits: [
      {
        name: "hidden",
        kind: "binary",
        role: "trait",
        codes: { "1": "control", "2": "case" },
        unit: null,
        ontology: null,
        scale: 1,
        bound: "1",
        validMask: "hidden",
        derivedFrom: [],
        nullModelDigest: null,
        visibleToGrant: false,
      },
    ],
  };
}
