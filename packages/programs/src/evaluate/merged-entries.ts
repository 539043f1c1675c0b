import type { CiphertextEntry, Engine, StoredCiphertextList } from "@cos/fhe";
import { findProfile, packedCiphertextBytes } from "@cos/fhe/evaluation";
import type { ObjectRef, Result } from "@cos/protocol";
import { err, ok } from "@cos/protocol/result";
import type { TaskSpec } from "../plan/plan.ts";
import { EntrySum } from "./entry-sum.ts";
import type { EvaluateError, EvaluateOptions } from "./evaluate-error.ts";
import { inOrder } from "./in-order.ts";
import { beginsEntry, endsEntry, type Term, toRuns } from "./merge-terms.ts";
import { spanBytes, spansAhead } from "./partial-heads.ts";

/** Partial results whose heads are in memory, and the order in which the result is made of them. */
export type Merge = EvaluateOptions & {
  engine: Engine;
  spec: TaskSpec;
  partials: readonly ObjectRef[];
  lists: readonly StoredCiphertextList[];
  terms: readonly Term[];
};

/** Reads of one batch that are under way at once. */
const runsAtOnce = 8;

/**
 * The entries of the result that `terms` make, in its order, as many at a time as are done; they are good until the next
 * are asked for. Every ciphertext is checked by the head of its partial result, as it may have changed. Ends after an error.
 */
export async function* mergedEntries(merge: Merge): AsyncGenerator<Result<CiphertextEntry[], EvaluateError>> {
  const { spec, terms, signal, release = () => {} } = merge;
  const letGo = (batch: Result<Batch, EvaluateError>): void => {
    if (batch.ok) batch.value.reads.forEach(release);
  };
  const batches = inOrder(cutBatches(spec, terms), (some) => readBatch(merge, some), spansAhead, letGo);
  const entries = new EntryMaker(merge);
  try {
    for await (const batch of batches) {
      if (signal?.aborted) return yield err({ code: "CANCELLED" });
      const made = batch.ok ? entries.take(batch.value.packed) : batch;
      yield made;
      if (!made.ok) return;
      letGo(batch);
    }
  } finally {
    entries.free();
  }
}

/** Makes entries of ciphertexts that come in the order of their terms: each is an entry, or a part of a sum. */
class EntryMaker {
  readonly #merge: Merge;
  #next = 0;
  #sum: EntrySum | undefined;

  constructor(merge: Merge) {
    this.#merge = merge;
  }

  /** The entries that these next ciphertexts complete. */
  take(ciphertexts: readonly Uint8Array[]): Result<CiphertextEntry[], EvaluateError> {
    const entries: CiphertextEntry[] = [];
    for (const packed of ciphertexts) {
      const made = this.#add(packed);
      if (!made.ok) return made;
      if (made.value !== undefined) entries.push(made.value);
    }
    return ok(entries);
  }

  free(): void {
    this.#sum?.free();
    this.#sum = undefined;
  }

  #add(packed: Uint8Array): Result<CiphertextEntry | undefined, EvaluateError> {
    const { engine, spec, partials, terms } = this.#merge;
    const term = terms[this.#next] as Term;
    const [begins, ends] = [beginsEntry(terms, this.#next), endsEntry(terms, this.#next)];
    this.#next += 1;
    if (begins && ends) return ok({ ...term, packed });
    if (begins) {
      const sum = EntrySum.open(engine, spec, term);
      if (!sum.ok) return sum;
      this.#sum = sum.value;
    }
    const sum = this.#sum as EntrySum;
    const added = sum.add(packed);
    if (!added.ok) return err({ ...added.error, object: (partials[term.partial] as ObjectRef).digest });
    if (!ends) return ok(undefined);
    const whole = { ...term, packed: sum.store() };
    this.free();
    return ok(whole);
  }
}

/** Terms in their order, as many as a span holds. */
function* cutBatches(spec: TaskSpec, terms: readonly Term[]): Generator<readonly Term[]> {
  let [first, bytes] = [0, 0];
  for (const [i, { context, degree }] of terms.entries()) {
    const profile = findProfile(spec.contexts[context]?.profile ?? "");
    if (!profile.ok) throw new TypeError("a context by which no list is opened");
    const size = packedCiphertextBytes(profile.value, degree);
    if (bytes + size > spanBytes && i > first) {
      yield terms.slice(first, i);
      [first, bytes] = [i, 0];
    }
    bytes += size;
  }
  if (first < terms.length) yield terms.slice(first);
}

/** The ciphertexts of some terms, and what was read for them. */
type Batch = { packed: Uint8Array[]; reads: Uint8Array[] };

/** Reads the ciphertexts of some terms and checks each. What was read when an error came is left to the garbage collector. */
async function readBatch(
  { lists, partials }: Merge,
  terms: readonly Term[],
): Promise<Result<Batch, EvaluateError>> {
  const batch: Batch = { packed: [], reads: [] };
  let failed: EvaluateError | undefined;
  const left = toRuns(terms).values();
  const work = async (): Promise<void> => {
    for (const { partial, first, at } of left) {
      if (failed !== undefined) return;
      const read = await (lists[partial] as StoredCiphertextList).packedRun(first, at.length);
      for (const [i, one] of read.entries()) {
        if (one.ok) batch.packed[at[i] as number] = one.value;
        else failed = { ...one.error, object: (partials[partial] as ObjectRef).digest };
      }
      if (read[0]?.ok) batch.reads.push(read[0].value);
    }
  };
  await Promise.all(Array.from({ length: runsAtOnce }, work));
  return failed === undefined ? ok(batch) : err(failed);
}
