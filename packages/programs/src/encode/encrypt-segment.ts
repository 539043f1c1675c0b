import { OwnerPool } from "@cos/fhe";
import { nativeOwnerThread } from "@cos/fhe-native";
import { type GenotypeSource, sampleKey } from "@cos/genomics";
import {
  type ArrayManifest,
  checkManifest,
  err,
  type Manifest,
  ok,
  type Result,
  type Segment,
} from "@cos/protocol";
import { type AlignedTrait, alignTraits, lacksSomebody } from "./align-traits.ts";
import { type EncodeContext, profileOf } from "./block-queue.ts";
import { withControls } from "./describe-arrays.ts";
import { encodeGenotypes, encodeTrait } from "./encode-blocks.ts";
import type { DatasetVersion, EncryptError, EncryptShared, SegmentRequest } from "./encrypt-request.ts";
import type { OwnerState, TraitState } from "./owner-state.ts";
import { defaultRowsPadded, drawRows } from "./secret-rows.ts";
import { addPhenotyped } from "./trait-state.ts";

/**
 * Encrypts people as a new segment of `before`, the last one. Where an interrupted run left a draft, its rows are taken
 * instead of new ones, and blocks that it finished are not encrypted again. A trait that everybody had until now and some of
 * the new people lack gets its column of controls: its array is made anew for all segments, from the owner's state.
 */
export async function encryptSegment(
  before: DatasetVersion,
  request: SegmentRequest,
  shared: EncryptShared,
): Promise<Result<DatasetVersion, EncryptError>> {
  const { checkpoint } = shared;
  const draft = checkpoint?.draft;
  const drawn = draft === undefined ? drawSegment(before, request) : ok(structuredClone(draft));
  if (!drawn.ok) return drawn;
  const { manifest, ownerState } = drawn.value;
  const { source } = request;
  const byName = alignTraits(manifest, ownerState, request.traits, source.samples.length);
  if (!byName.ok) return byName;
  if (draft === undefined) {
    manifest.arrays = manifest.arrays.map((array) =>
      array.axes.length === 1 && lacksSomebody(array, byName.value, source.samples.length)
        ? withControls(manifest, array)
        : array,
    );
    await checkpoint?.keep(structuredClone(drawn.value));
  }

  const segment = manifest.segments.at(-1) as Segment;
  const personOfRow = personsOf(drawn.value, segment, source);
  const encoded = await encodeArrays(drawn.value, personOfRow, source, byName.value, shared);
  if (!encoded.ok) return encoded;
  for (const [name, { trait }] of byName.value) {
    const state = ownerState.traits[name] as TraitState;
    if (trait !== undefined) addPhenotyped(state, personOfRow, segment.firstRow, trait);
  }
  return ok({ manifest, ownerState });
}

/** The version with the new segment described and its rows drawn, before anything is encrypted. */
function drawSegment(before: DatasetVersion, request: SegmentRequest): Result<DatasetVersion, EncryptError> {
  const manifest = structuredClone(before.manifest);
  const ownerState = structuredClone(before.ownerState);
  const people = request.source.samples;
  const rowsPadded = request.rowsPadded ?? defaultRowsPadded(people.length);
  if (rowsPadded < people.length) {
    return err({ code: "ROW_PADDING_TOO_SMALL", rowsPadded, people: people.length });
  }
  const id = request.segment ?? `s${manifest.segments.length + 1}`;
  if (manifest.segments.some((s) => s.id === id)) return err({ code: "SEGMENT_TWICE", segment: id });
  const last = manifest.segments.at(-1);
  const firstRow = last === undefined ? 0 : last.firstRow + last.rowsPadded;
  const { state, commitment } = drawRows(people, rowsPadded, firstRow);
  manifest.segments.push({
    id,
    site: request.site,
    consentClass: request.consentClass,
    firstRow,
    rowsPadded,
    addedIn: manifest.version.n,
    deletedRows: [],
    commitment,
  });
  ownerState.segments[id] = state;
  const sound = checkManifest(manifest);
  return sound.ok ? ok({ manifest, ownerState }) : sound;
}

/** Row within the segment -> person's index in the source; -1 is an empty person. */
function personsOf({ ownerState }: DatasetVersion, segment: Segment, source: GenotypeSource): Int32Array {
  const indexOf = new Map(source.samples.map((sample, i) => [sampleKey(sample), i]));
  const personOfRow = new Int32Array(segment.rowsPadded).fill(-1);
  for (const [familyId, id, row] of ownerState.segments[segment.id]?.people ?? []) {
    const person = indexOf.get(sampleKey({ familyId, id }));
    if (person === undefined) throw new Error("the draft is of other people than the source");
    personOfRow[row - segment.firstRow] = person;
  }
  return personOfRow;
}

async function encodeArrays(
  { manifest, ownerState }: DatasetVersion,
  personOfRow: Int32Array,
  source: GenotypeSource,
  traits: ReadonlyMap<string, AlignedTrait>,
  { key, sink, threads, onProgress, checkpoint }: EncryptShared,
): Promise<Result<null, EncryptError>> {
  const wanted = manifest.arrays.flatMap((array) =>
    segmentsWithoutBlocks(manifest, array).map((segment) => ({ array, segment })),
  );
  const total = wanted.reduce(
    (sum, { array: a, segment }) =>
      sum + Math.ceil(segment.rowsPadded / a.rowsPerBlock) * Math.max(1, a.variantBlocks.length),
    0,
  );
  let done = 0;
  const pool = new OwnerPool(key, threads, nativeOwnerThread);
  try {
    if (wanted[0] !== undefined) pool.prepare(profileOf(wanted[0].array));
    for (const { array, segment } of wanted) {
      const stage = array.axes.length === 2 ? "genotypes" : "traits";
      const context: Omit<EncodeContext, "personOfRow"> = {
        pool,
        sink,
        segment,
        ...(checkpoint === undefined ? {} : { finished: checkpoint.finished }),
        onBlock: () => onProgress?.({ stage, done: ++done, total }),
      };
      const isNew = segment === manifest.segments.at(-1);
      const blocks = isNew
        ? await encodeArray({ ...context, personOfRow }, array, source, traits)
        : ok(await encodeKnownTrait(context, array, ownerState));
      if (!blocks.ok) return blocks;
      addBlocks(array, blocks.value);
    }
    return ok(null);
  } finally {
    await pool.close();
  }
}

/** The new segment, and all of an array that is made anew. */
function segmentsWithoutBlocks({ segments }: Manifest, { blocks }: ArrayManifest): Segment[] {
  const held = new Set(blocks.map((block) => block.segment));
  return segments.filter((segment) => !held.has(segment.id));
}

/** Encrypts a case/control trait of people who are in the dataset already, as the owner's state knows them. */
function encodeKnownTrait(
  context: Omit<EncodeContext, "personOfRow">,
  array: ArrayManifest,
  ownerState: OwnerState,
): Promise<ArrayManifest["blocks"]> {
  const { firstRow, rowsPadded } = context.segment;
  const state = ownerState.traits[array.trait ?? ""];
  if (state?.kind !== "binary") throw new TypeError("nothing is known of this trait's people");
  const cases = new Set(state.cases);
  const phenotyped = new Set(state.phenotyped);
  const personOfRow = Int32Array.from({ length: rowsPadded }, (_, offset) =>
    phenotyped.has(firstRow + offset) ? offset : -1,
  );
  return encodeTrait({ ...context, personOfRow }, array, (offset) =>
    cases.has(firstRow + offset) ? [1, 0] : [0, 1],
  );
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

/** Adds a segment's blocks to an array, numbered on. */
export function addBlocks(array: ArrayManifest, blocks: readonly ArrayManifest["blocks"][number][]): void {
  for (const block of blocks) array.blocks.push({ ...block, index: array.blocks.length });
}
