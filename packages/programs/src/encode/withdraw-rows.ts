import { type ContainerError, deleteRows } from "@cos/fhe";
import {
  type Block,
  type Digest,
  digestOfBytes,
  err,
  type Manifest,
  type ObjectRef,
  ok,
  type Result,
  rowsOf,
  type Segment,
  toRowRanges,
  type VersionReason,
} from "@cos/protocol";
import type { ReadObject } from "../evaluate/evaluate-error.ts";
import type { ObjectSink } from "./block-queue.ts";
import { nextVersion } from "./encrypt-dataset.ts";
import type { DatasetVersion } from "./encrypt-request.ts";
import type { OwnerState } from "./owner-state.ts";
import { commitToRows } from "./secret-rows.ts";

export type WithdrawError =
  | ContainerError
  /** People that the dataset does not hold (any more). Counted, not named. */
  | { code: "SAMPLE_UNKNOWN"; unknown: number }
  /** An IID that several families share: give `FID<tab>IID`. */
  | { code: "SAMPLE_AMBIGUOUS"; ambiguous: number }
  | { code: "OBJECT_DIGEST_MISMATCH"; expected: Digest; actual: Digest };

export type Withdrawal = DatasetVersion & {
  /** Stream indexes that are gone; the owner's secret only in so far as they name people to whoever has the map. */
  rows: number[];
  /** Objects that only the old version refers to: to be deleted everywhere. */
  obsolete: ObjectRef[];
};

/**
 * Deletes people's rows from every array, without decrypting or encrypting anything.
 * Every block that held one of them is rewritten; the old objects are listed for deletion.
 * @param people IIDs, or `FID<tab>IID`
 */
export async function withdrawRows(
  before: DatasetVersion,
  request: {
    people: readonly string[];
    read: ReadObject;
    sink: ObjectSink;
    effectiveAt: number;
    reason?: Extract<VersionReason, "withdraw" | "consent">;
  },
): Promise<Result<Withdrawal, WithdrawError>> {
  const rows = findRows(before.ownerState, request.people);
  if (!rows.ok) return rows;
  const gone = new Set(rows.value);
  const manifest = structuredClone(before.manifest);
  manifest.version = nextVersion(before.manifest, request.reason ?? "withdraw", request.effectiveAt);
  const obsolete: ObjectRef[] = [];
  for (const array of manifest.arrays) {
    const blocks: Block[] = [];
    for (const block of array.blocks) {
      const next = await withoutRows(block, gone, request.read, request.sink);
      if (!next.ok) return next;
      if (next.value !== block) obsolete.push(block.object);
      if (next.value !== null) blocks.push({ ...next.value, index: blocks.length });
    }
    array.blocks = blocks;
  }
  const ownerState = withoutPeople(before.ownerState, gone);
  manifest.segments = manifest.segments.map((segment) => markDeleted(segment, gone, ownerState));
  return ok({ manifest, ownerState, rows: [...gone].sort((a, b) => a - b), obsolete });
}

/** Rows of the named people. @errors `SAMPLE_UNKNOWN`, `SAMPLE_AMBIGUOUS` */
export function findRows(
  state: OwnerState,
  people: readonly string[],
): Result<number[], Extract<WithdrawError, { code: "SAMPLE_UNKNOWN" | "SAMPLE_AMBIGUOUS" }>> {
  const byKey = new Map<string, number[]>();
  const add = (key: string, row: number): void => {
    byKey.set(key, [...(byKey.get(key) ?? []), row]);
  };
  for (const { people: placed } of Object.values(state.segments)) {
    for (const [familyId, id, row] of placed) {
      add(id, row);
      add(`${familyId}\t${id}`, row);
    }
  }
  const found = people.map((person) => byKey.get(person) ?? []);
  const unknown = found.filter((rows) => rows.length === 0).length;
  if (unknown > 0) return err({ code: "SAMPLE_UNKNOWN", unknown });
  const ambiguous = found.filter((rows) => rows.length > 1).length;
  if (ambiguous > 0) return err({ code: "SAMPLE_AMBIGUOUS", ambiguous });
  return ok(found.flat());
}

async function withoutRows(
  block: Block,
  gone: ReadonlySet<number>,
  read: ReadObject,
  sink: ObjectSink,
): Promise<Result<Block | null, WithdrawError>> {
  const kept = rowsOf(block.rows).filter((row) => !gone.has(row));
  const isTouched = block.rows.reduce((sum, [, count]) => sum + count, 0) !== kept.length;
  if (!isTouched) return ok(block);
  const bytes = await read(block.object);
  const actual = digestOfBytes(bytes);
  if (actual !== block.object.digest) {
    return err({ code: "OBJECT_DIGEST_MISMATCH", expected: block.object.digest, actual });
  }
  const rewritten = deleteRows(bytes, gone);
  if (!rewritten.ok) return rewritten;
  if (rewritten.value === null) return ok(null);
  const object = { digest: digestOfBytes(rewritten.value), sizeBytes: rewritten.value.length };
  await sink(object, rewritten.value);
  return ok({ ...block, rows: toRowRanges(kept), object });
}

function withoutPeople(state: OwnerState, gone: ReadonlySet<number>): OwnerState {
  const next = structuredClone(state);
  for (const segment of Object.values(next.segments)) {
    segment.people = segment.people.filter(([, , row]) => !gone.has(row));
  }
  for (const trait of Object.values(next.traits)) {
    trait.phenotyped = trait.phenotyped.filter((row) => !gone.has(row));
    if (trait.kind === "binary") trait.cases = trait.cases.filter((row) => !gone.has(row));
  }
  return next;
}

/** The segment's published state, and a commitment to the map as it is now: the old one would still name them. */
function markDeleted(segment: Segment, gone: ReadonlySet<number>, state: OwnerState): Segment {
  const end = segment.firstRow + segment.rowsPadded;
  const here = [...gone].filter((row) => row >= segment.firstRow && row < end);
  const secret = state.segments[segment.id];
  if (here.length === 0 || secret === undefined) return segment;
  const deleted = new Set([...rowsOf(segment.deletedRows), ...here]);
  return {
    ...segment,
    deletedRows: toRowRanges([...deleted].sort((a, b) => a - b)),
    commitment: commitToRows(secret),
  };
}

/** Every object that a version refers to, the variant axis included. */
export function objectsOf(manifest: Manifest): ObjectRef[] {
  return [
    manifest.variantAxis.object,
    ...manifest.arrays.flatMap((array) => array.blocks.map((block) => block.object)),
  ];
}
