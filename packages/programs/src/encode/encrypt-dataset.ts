import { contextDigestOf, contextsOf, type DatasetKey, OwnerPool } from "@cos/fhe";
import type { GenomicsError, GenotypeSource, Trait as PhenotypeTrait } from "@cos/genomics";
import {
  type ArrayManifest,
  checkManifest,
  type Digest,
  digestOfBytes,
  err,
  type Manifest,
  type ManifestError,
  manifestCommitment,
  type ObjectRef,
  ok,
  type Result,
  type Segment,
  type VariantAxis,
  type VersionReason,
  variantAxisBytes,
  variantSchema,
} from "@cos/protocol";
import { type AlignError, type AlignedTrait, alignTraits } from "./align-traits.ts";
import { toVariantAxis } from "./axes.ts";
import {
  type DescribeError,
  describeTraits,
  dictionaryEntry,
  genotypeArray,
  neededLayouts,
  traitArray,
} from "./describe-arrays.ts";
import {
  type EncodeContext,
  encodeGenotypes,
  encodeTrait,
  type ObjectSink,
  type Progress,
  traitColumnsOf,
} from "./encode-blocks.ts";
import { chooseFixedPoint, type FixedPoint } from "./fixed-point.ts";
import type { LayoutName } from "./layout.ts";
import type { OwnerState, TraitState } from "./owner-state.ts";
import { defaultRowsPadded, drawRows, type SecretRows } from "./secret-rows.ts";
import { addPhenotyped, emptyTraitState, recordPerson, sortRows } from "./trait-state.ts";

export type EncryptError =
  | GenomicsError
  /** Fewer published rows than people. Counts only go to the owner. */
  | { code: "ROW_PADDING_TOO_SMALL"; rowsPadded: number; people: number }
  /** Characters that a manifest does not take in a name. */
  | { code: "TRAIT_NAME_UNSUPPORTED"; trait: string }
  | { code: "TRAIT_TWICE"; trait: string }
  | AlignError
  | DescribeError
  /** New people must be typed at exactly the dataset's variants, in its order and orientation. */
  | { code: "VARIANT_AXIS_MISMATCH"; expected: Digest; actual: Digest }
  | { code: "SEGMENT_TWICE"; segment: string }
  /** A name, code or assembly that a manifest cannot hold: said before anything is encrypted. */
  | ManifestError
  /** A variant that an axis cannot hold, e.g. an allele of more than 10,000 bases; `variant` counts from 0. */
  | { code: "VARIANT_UNSUPPORTED"; variant: number; field: string }
  /** The key is not the dataset's. */
  | { code: "CONTEXT_MISMATCH"; expected: string; actual: string };

export type SegmentRequest = {
  source: GenotypeSource;
  /** Aligned to the source's samples. */
  traits: readonly PhenotypeTrait[];
  /** Name of the new segment; default `s1`, `s2`, ... */
  segment?: string;
  site: string;
  consentClass: string[];
  /** Published row count; default the next multiple of 50 above the people. */
  rowsPadded?: number;
};

export type EncryptRequest = SegmentRequest & {
  assembly: string;
  key: DatasetKey;
  /** Layouts to publish that any trait can be used with; default those that the traits need, `allele-counts` when there are none. */
  layouts?: readonly LayoutName[];
  /** Case/control traits to fix into genotypes of their own, beside those layouts: a test of them is one sum. */
  fixTraits?: readonly string[];
  sink: ObjectSink;
  /** Unix seconds. */
  effectiveAt: number;
  /** Threads that encrypt; default one per core. */
  threads?: number;
  onProgress?: Progress;
};

/** A version of a dataset: what is published, and what the owner keeps. */
export type DatasetVersion = { manifest: Manifest; ownerState: OwnerState };

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

/** Adds people as a new segment under a fresh permutation; nothing that exists is touched. */
export async function appendSegment(
  before: DatasetVersion,
  request: SegmentRequest & Pick<EncryptRequest, "key" | "sink" | "effectiveAt" | "threads" | "onProgress">,
): Promise<Result<DatasetVersion, EncryptError>> {
  const { manifest, ownerState } = before;
  const mismatch = checkKey(manifest, request.key);
  if (mismatch !== undefined) return err(mismatch);
  const names = checkTraits(request.traits, request.source.samples.length);
  if (names !== undefined) return err(names);
  const actual = digestOfBytes(variantAxisBytes(toVariantAxis(request.source, manifest.assembly)));
  const expected = manifest.variantAxis.object.digest;
  if (actual !== expected) return err({ code: "VARIANT_AXIS_MISMATCH", expected, actual });
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
  } & Pick<EncryptRequest, "key" | "sink" | "effectiveAt" | "threads" | "onProgress">,
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
  const array = traitArray(before.manifest, trait, fixedPoint, key);
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
  const personOf = new Map(people.map((p, i) => [`${p.familyId}\t${p.id}`, i]));
  const pool = new OwnerPool(key, request.threads);
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

async function encryptSegment(
  before: DatasetVersion,
  request: SegmentRequest,
  shared: Pick<EncryptRequest, "key" | "sink" | "threads" | "onProgress">,
): Promise<Result<DatasetVersion, EncryptError>> {
  const manifest = structuredClone(before.manifest);
  const ownerState = structuredClone(before.ownerState);
  const people = request.source.samples;
  const rowsPadded = request.rowsPadded ?? defaultRowsPadded(people.length);
  if (rowsPadded < people.length) {
    return err({ code: "ROW_PADDING_TOO_SMALL", rowsPadded, people: people.length });
  }
  const id = request.segment ?? `s${manifest.segments.length + 1}`;
  if (manifest.segments.some((s) => s.id === id)) return err({ code: "SEGMENT_TWICE", segment: id });
  const byName = alignTraits(manifest, ownerState, request.traits, people.length);
  if (!byName.ok) return byName;

  const last = manifest.segments.at(-1);
  const firstRow = last === undefined ? 0 : last.firstRow + last.rowsPadded;
  const rows = drawRows(people, rowsPadded, firstRow);
  const segment: Segment = {
    id,
    site: request.site,
    consentClass: request.consentClass,
    firstRow,
    rowsPadded,
    addedIn: manifest.version.n,
    deletedRows: [],
    commitment: rows.commitment,
  };
  manifest.segments.push(segment);
  ownerState.segments[id] = rows.state;
  const sound = checkManifest(manifest);
  if (!sound.ok) return sound;

  const encoded = await encodeArrays(manifest, segment, rows, request.source, byName.value, shared);
  if (!encoded.ok) return encoded;
  for (const [name, { trait }] of byName.value) {
    if (trait !== undefined) addPhenotyped(ownerState.traits[name] as TraitState, rows, firstRow, trait);
  }
  return ok({ manifest, ownerState });
}

async function encodeArrays(
  manifest: Manifest,
  segment: Segment,
  rows: SecretRows,
  source: GenotypeSource,
  traits: ReadonlyMap<string, AlignedTrait>,
  { key, sink, threads, onProgress }: Pick<EncryptRequest, "key" | "sink" | "threads" | "onProgress">,
): Promise<Result<null, EncryptError>> {
  const total = manifest.arrays.reduce(
    (sum, a) => sum + Math.ceil(segment.rowsPadded / a.rowsPerBlock) * Math.max(1, a.variantBlocks.length),
    0,
  );
  let done = 0;
  const pool = new OwnerPool(key, threads);
  try {
    for (const array of manifest.arrays) {
      const stage = array.axes.length === 2 ? "genotypes" : "traits";
      const context: EncodeContext = {
        pool,
        sink,
        segment,
        personOfRow: rows.personOfRow,
        onBlock: () => onProgress?.({ stage, done: ++done, total }),
      };
      const blocks = await encodeArray(context, array, source, traits);
      if (!blocks.ok) return blocks;
      addBlocks(array, blocks.value);
    }
    return ok(null);
  } finally {
    await pool.close();
  }
}

async function encodeArray(
  context: EncodeContext,
  array: ArrayManifest,
  source: GenotypeSource,
  traits: ReadonlyMap<string, AlignedTrait>,
): Promise<Result<ArrayManifest["blocks"], EncryptError>> {
  const columns = traits.get(array.trait ?? "")?.columns ?? [];
  if (array.axes.length === 2) {
    const at = (quantity: string): number => (quantity === "case" ? 0 : 1); // as `traitChannels` orders them
    return encodeGenotypes(
      context,
      array,
      source,
      (person, quantity) => columns[person]?.[at(quantity)] ?? 0,
    );
  }
  const missing = array.channels.map(() => 0);
  return ok(await encodeTrait(context, array, (person) => columns[person] ?? missing));
}

function addBlocks(array: ArrayManifest, blocks: readonly ArrayManifest["blocks"][number][]): void {
  for (const block of blocks) array.blocks.push({ ...block, index: array.blocks.length });
}

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
