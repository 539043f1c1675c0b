import type { CiphertextEntry, Engine } from "@cos/fhe";
import { openCiphertextList } from "@cos/fhe/evaluation";
import type { ObjectRef, Result } from "@cos/protocol";
import { digestOfBytes } from "@cos/protocol/object-digest";
import { err, ok } from "@cos/protocol/result";
import { keyOfEntry, type TaskSpec } from "../plan/plan.ts";
import { checkPartial } from "./check-partial.ts";
import { EntrySum } from "./entry-sum.ts";
import type { EvaluateError, EvaluateOptions, ReadObject } from "./evaluate-error.ts";
import { toOutputPieces } from "./evaluate-task.ts";

/**
 * Runs the reduce task: entries of one key are added up, all others gathered, in canonical order. The output is in pieces
 * that look into copies of the partial results: it is in memory once. `reduceInParts` is for results that should not be.
 * @param partials the outputs of the tasks that `task.inputs` names, in that order
 */
export async function reducePartials(
  engine: Engine,
  spec: TaskSpec,
  partials: readonly ObjectRef[],
  read: ReadObject,
  { signal, release }: EvaluateOptions = {},
): Promise<Result<Uint8Array<ArrayBuffer>[], EvaluateError>> {
  if (spec.task.kind !== "reduce") throw new TypeError("not a reduce task");
  const merged = new Map<string, CiphertextEntry>();
  const room = new Room(partials.reduce((sum, ref) => sum + ref.sizeBytes, 0));
  for (const ref of partials) {
    if (signal?.aborted) return err({ code: "CANCELLED" });
    const bytes = await read(ref);
    const actual = digestOfBytes(bytes);
    if (actual !== ref.digest) return err({ code: "OBJECT_DIGEST_MISMATCH", expected: ref.digest, actual });
    const kept = room.keep(bytes);
    release?.(bytes);
    const added = addPartial(engine, spec, kept, merged);
    if (!added.ok) return err({ ...added.error, object: ref.digest } as EvaluateError);
  }
  return ok(toOutputPieces(spec, [...merged.values()]));
}

/** One piece of memory for all that is kept: the system takes it back as a whole, where many small ones leave holes. */
class Room {
  readonly #bytes: Uint8Array;
  #used = 0;

  constructor(sizeBytes: number) {
    this.#bytes = new Uint8Array(sizeBytes);
  }

  /** A copy. */
  keep(bytes: Uint8Array): Uint8Array {
    if (bytes.length > this.#bytes.length - this.#used) return bytes.slice(); // longer than its reference said
    const kept = this.#bytes.subarray(this.#used, this.#used + bytes.length);
    kept.set(bytes);
    this.#used += bytes.length;
    return kept;
  }
}

function addPartial(
  engine: Engine,
  spec: TaskSpec,
  bytes: Uint8Array,
  merged: Map<string, CiphertextEntry>,
): Result<null, EvaluateError> {
  const list = openCiphertextList(bytes);
  if (!list.ok) return list;
  const checked = checkPartial(spec, list.value);
  if (!checked.ok) return checked;
  for (let i = 0; i < list.value.count; i += 1) {
    const entry = list.value.describe(i);
    const packed = list.value.packed(i);
    if (!packed.ok) return packed;
    const key = keyOfEntry(entry);
    const before = merged.get(key);
    if (before === undefined) {
      merged.set(key, { ...entry, packed: packed.value, digest: list.value.digest(i) });
      continue;
    }
    const sum = addPacked(engine, spec, entry, [before.packed, packed.value]);
    if (!sum.ok) return sum;
    merged.set(key, { ...entry, packed: sum.value });
  }
  return ok(null);
}

function addPacked(
  engine: Engine,
  spec: TaskSpec,
  entry: { context: number; degree: 1 | 2 },
  terms: readonly Uint8Array[],
): Result<Uint8Array, EvaluateError> {
  const sum = EntrySum.open(engine, spec, entry);
  if (!sum.ok) return sum;
  try {
    for (const packed of terms) {
      const added = sum.value.add(packed);
      if (!added.ok) return added;
    }
    return ok(sum.value.store());
  } finally {
    sum.value.free();
  }
}
