import { contextDigestOf, contextsOf, type DatasetKey, OwnerPool } from "@cos/fhe";
import { nativeOwnerThread } from "@cos/fhe-native";
import type { Trait as PhenotypeTrait } from "@cos/genomics";
import {
  type Digest,
  digestOfBytes,
  err,
  type Manifest,
  manifestCommitment,
  type ObjectRef,
  ok,
  type Result,
  type VariantAxis,
  type VersionReason,
  variantAxisBytes,
  variantSchema,
} from "@cos/protocol";
import { toVariantAxis } from "./axes.ts";
import type { ObjectSink } from "./block-queue.ts";
import {
  describeTraits,
  dictionaryEntry,
  genotypeArray,
  neededLayouts,
  traitArray,
} from "./describe-arrays.ts";
import { encodeTrait, traitColumnsOf } from "./encode-blocks.ts";
import type {
  DatasetVersion,
  EncryptError,
  EncryptRequest,
  EncryptShared,
  SegmentRequest,
} from "./encrypt-request.ts";
import { addBlocks, encryptSegment } from "./encrypt-segment.ts";
import { chooseFixedPoint, type FixedPoint } from "./fixed-point.ts";
import type { OwnerState } from "./owner-state.ts";
import { emptyTraitState, isMeasured, recordPerson, sortRows } from "./trait-state.ts";

/**
 * Encrypts a dataset: draws the secret rows, encrypts genotypes in each layout and every trait, hands the objects to
 * the sink as they are done, and describes the whole. Memory is bounded by a few blocks per thread.
 */
export async function encryptDataset(request: EncryptRequest): Promise<Result<DatasetVersion, EncryptError>> {
  const { source, traits, key } = request;
  const names = checkTraits(traits, source.samples.length);
  if (names !== undefined) return err(names);
  const axis = toVariantAxis(source, request.assembly);
  const badVariant = checkAxis(axis);
  if (badVariant !== undefined) return err(badVariant);
  const axisObject = await storeAxis(axis, request.sink);
  if (request.checkpoint?.draft !== undefined) return resume(request.checkpoint.draft, axisObject, request);

  const chosen = request.layouts ?? neededLayouts(traits);
  const fixedPoints = new Map<string, FixedPoint>();
  for (const trait of traits) {
    if (trait.kind === "quantitative") fixedPoints.set(trait.name, chooseFixedPoint(trait));
  }
  const contexts = contextsOf(key);
  const draft: Manifest = {
    format: "cos-manifest/1",
    species: source.species,
    assembly: request.assembly,
    version: { n: 1, parent: null, reason: "append", effectiveAt: request.effectiveAt },
    keyId: key.keyId,
    contextDigest: contextDigestOf(key),
    contexts: contexts.map((c) => ({ profile: c.profile.name, contextDigest: c.digest })),
    variantAxis: { object: axisObject, count: axis.variants.length },
    segments: [],
    arrays: chosen.map((layout) => genotypeArray(layout, axis, key)),
    traits: [],
  };
  const described = describeTraits(draft, axis, fixedPoints, request);
  if (!described.ok) return described;
  const ownerState: OwnerState = { format: "cos-owner-state/1", keyId: key.keyId, segments: {}, traits: {} };
  for (const trait of traits) ownerState.traits[trait.name] = emptyTraitState(fixedPoints.get(trait.name));
  return encryptSegment({ manifest: draft, ownerState }, request, request);
}

/** Goes on with a draft, which must be of the same variants and under the same key. */
async function resume(
  draft: DatasetVersion,
  axis: ObjectRef,
  request: EncryptRequest,
): Promise<Result<DatasetVersion, EncryptError>> {
  const mismatch = checkKey(draft.manifest, request.key) ?? checkSameAxis(draft.manifest, axis.digest);
  return mismatch === undefined ? encryptSegment(draft, request, request) : err(mismatch);
}

/** Adds people as a new segment under a fresh permutation; nothing that exists is touched. */
export async function appendSegment(
  before: DatasetVersion,
  request: SegmentRequest & EncryptShared,
): Promise<Result<DatasetVersion, EncryptError>> {
  const { manifest, ownerState } = before;
  const mismatch = checkKey(manifest, request.key);
  if (mismatch !== undefined) return err(mismatch);
  const names = checkTraits(request.traits, request.source.samples.length);
  if (names !== undefined) return err(names);
  const axis = digestOfBytes(variantAxisBytes(toVariantAxis(request.source, manifest.assembly)));
  const otherAxis = checkSameAxis(manifest, axis);
  if (otherAxis !== undefined) return err(otherAxis);
  const version = nextVersion(manifest, "append", request.effectiveAt);
  return encryptSegment({ manifest: { ...manifest, version }, ownerState }, request, request);
}

/** Adds a trait for people who are in the dataset already; genotypes are not touched. */
export async function addTrait(
  before: DatasetVersion,
  request: {
    /** Aligned to `people`; people of the dataset who are not among them are missing. */
    trait: PhenotypeTrait;
    people: readonly { familyId: string; id: string }[];
  } & Omit<EncryptShared, "checkpoint">,
): Promise<Result<DatasetVersion, EncryptError>> {
  const { trait, people, key } = request;
  const mismatch = checkKey(before.manifest, key);
  if (mismatch !== undefined) return err(mismatch);
  const names = checkTraits([trait], people.length);
  if (names !== undefined) return err(names);
  if (before.manifest.traits.some((t) => t.name === trait.name)) {
    return err({ code: "TRAIT_TWICE", trait: trait.name });
  }
  const fixedPoint = trait.kind === "quantitative" ? chooseFixedPoint(trait) : undefined;
  const personOf = new Map(people.map((p, i) => [`${p.familyId}\t${p.id}`, i]));
  const isComplete = Object.values(before.ownerState.segments).every((segment) =>
    segment.people.every(([familyId, id]) => isMeasured(trait, personOf.get(`${familyId}\t${id}`))),
  );
  const array = traitArray(before.manifest, trait, { fixedPoint, isComplete }, key);
  if (!array.ok) return array;
  const columns = traitColumnsOf(trait, fixedPoint);
  if (!columns.ok) return columns;

  const manifest: Manifest = {
    ...before.manifest,
    version: nextVersion(before.manifest, "append", request.effectiveAt),
    arrays: [...before.manifest.arrays, array.value],
    traits: [...before.manifest.traits, dictionaryEntry(trait)],
  };
  const ownerState = structuredClone(before.ownerState);
  const state = emptyTraitState(fixedPoint);
  ownerState.traits[trait.name] = state;
  const pool = new OwnerPool(key, request.threads, nativeOwnerThread);
  try {
    for (const segment of manifest.segments) {
      const personOfRow = new Int32Array(segment.rowsPadded).fill(-1);
      for (const [familyId, id, row] of ownerState.segments[segment.id]?.people ?? []) {
        const person = personOf.get(`${familyId}\t${id}`) ?? -1;
        personOfRow[row - segment.firstRow] = person;
        if (person >= 0) recordPerson(state, trait, person, row);
      }
      const context = { pool, sink: request.sink, segment, personOfRow };
      const blocks = await encodeTrait(context, array.value, (person) => columns.value[person] as number[]);
      addBlocks(array.value, blocks);
    }
  } finally {
    await pool.close();
  }
  sortRows(state);
  return ok({ manifest, ownerState });
}

/** The version after `manifest`. */
export const nextVersion = (
  manifest: Manifest,
  reason: VersionReason,
  effectiveAt: number,
): Manifest["version"] => ({
  n: manifest.version.n + 1,
  parent: manifestCommitment(manifest),
  reason,
  effectiveAt,
});

function checkTraits(traits: readonly PhenotypeTrait[], people: number): EncryptError | undefined {
  const seen = new Set<string>();
  for (const trait of traits) {
    if (!/^[A-Za-z0-9][A-Za-z0-9_.@/+:-]{0,63}$/.test(trait.name)) {
      return { code: "TRAIT_NAME_UNSUPPORTED", trait: trait.name };
    }
    if (seen.has(trait.name)) return { code: "TRAIT_TWICE", trait: trait.name };
    seen.add(trait.name);
    const length = trait.kind === "case-control" ? trait.status.length : trait.values.length;
    if (length !== people) return { code: "TRAIT_MISMATCH", trait: trait.name };
  }
  return undefined;
}

function checkKey(manifest: Manifest, key: DatasetKey): EncryptError | undefined {
  const actual = contextDigestOf(key);
  return actual === manifest.contextDigest
    ? undefined
    : { code: "CONTEXT_MISMATCH", expected: manifest.contextDigest, actual };
}

function checkSameAxis(manifest: Manifest, actual: Digest): EncryptError | undefined {
  const expected = manifest.variantAxis.object.digest;
  return actual === expected ? undefined : { code: "VARIANT_AXIS_MISMATCH", expected, actual };
}

function checkAxis(axis: VariantAxis): EncryptError | undefined {
  for (const [variant, each] of axis.variants.entries()) {
    const parsed = variantSchema.safeParse(each);
    if (parsed.success) continue;
    return { code: "VARIANT_UNSUPPORTED", variant, field: parsed.error.issues[0]?.path.join(".") ?? "" };
  }
  return undefined;
}

async function storeAxis(axis: VariantAxis, sink: ObjectSink): Promise<ObjectRef> {
  const bytes = variantAxisBytes(axis);
  const object = { digest: digestOfBytes(bytes), sizeBytes: bytes.length };
  await sink(object, bytes);
  return object;
}
