import type { Engine } from "@cos/fhe";
import { ciphertextListHead, digestedEntry } from "@cos/fhe/evaluation";
import type { ObjectRef, Result } from "@cos/protocol";
import { objectDigester } from "@cos/protocol/object-digest";
import { ok } from "@cos/protocol/result";
import type { TaskSpec } from "../plan/plan.ts";
import type { EvaluateError, EvaluateOptions, ReadSpan } from "./evaluate-error.ts";
import { beginsEntry, endsEntry, mergeTerms } from "./merge-terms.ts";
import { type Merge, mergedEntries } from "./merged-entries.ts";
import { openPartials, readPartialHeads } from "./partial-heads.ts";

/** A result that is in no memory: its digest and size, and by what its bytes are made of the partial results. */
export type PartedResult = {
  ref: ObjectRef;
  /** The result up to its first ciphertext. */
  head: Uint8Array;
  partialHeads: Uint8Array[];
};

/**
 * Runs the reduce task as `reducePartials` does, to the same bytes, but keeps none of them: partial results are read once
 * to check them, once more for the result's digest, and again by `partedPieces`; what is added up, one time more, since a
 * list states the digests of its ciphertexts in front of them.
 *
 * Memory: a few spans, and about 300 bytes for each ciphertext of the partial results, whose own are 25,600 and more.
 * @param partials the outputs of the tasks that `task.inputs` names, in that order
 * @errors those of `reducePartials`; `DIGEST_MISMATCH` and `CONTAINER_TRUNCATED` also where a partial result changed after
 * it was checked
 */
export async function reduceInParts(
  engine: Engine,
  spec: TaskSpec,
  partials: readonly ObjectRef[],
  read: ReadSpan,
  options: EvaluateOptions = {},
): Promise<Result<PartedResult, EvaluateError>> {
  const partialHeads = await readPartialHeads(partials, read, options);
  if (!partialHeads.ok) return partialHeads;
  const merge = await openMerge(engine, spec, partials, partialHeads.value, read, options);
  if (!merge.ok) return merge;
  const head = await writeHead(merge.value);
  if (!head.ok) return head;
  const digester = objectDigester();
  let sizeBytes = 0;
  for await (const pieces of piecesOf(merge.value, head.value)) {
    if (!pieces.ok) return pieces;
    for (const piece of pieces.value) {
      digester.update(piece);
      sizeBytes += piece.length;
    }
  }
  const ref = { digest: digester.digest(), sizeBytes };
  return ok({ ref, head: head.value, partialHeads: partialHeads.value });
}

/**
 * The bytes of a result that was reduced in parts, some pieces at a time, which are good until the next are asked for. The
 * last may be an error, of those of `reduceInParts`.
 */
export async function* partedPieces(
  engine: Engine,
  spec: TaskSpec,
  partials: readonly ObjectRef[],
  { head, partialHeads }: PartedResult,
  read: ReadSpan,
  options: EvaluateOptions = {},
): AsyncGenerator<Result<Uint8Array[], EvaluateError>> {
  const merge = await openMerge(engine, spec, partials, partialHeads, read, options);
  if (merge.ok) yield* piecesOf(merge.value, head);
  else yield merge;
}

async function openMerge(
  engine: Engine,
  spec: TaskSpec,
  partials: readonly ObjectRef[],
  heads: readonly Uint8Array[],
  read: ReadSpan,
  options: EvaluateOptions,
): Promise<Result<Merge, EvaluateError>> {
  if (spec.task.kind !== "reduce") throw new TypeError("not a reduce task");
  const lists = await openPartials(spec, partials, heads, read);
  if (!lists.ok) return lists;
  return ok({ ...options, engine, spec, partials, lists: lists.value, terms: mergeTerms(lists.value) });
}

/** The result up to its first ciphertext. Sums are made for their digests alone: they might not fit together. */
async function writeHead(merge: Merge): Promise<Result<Uint8Array, EvaluateError>> {
  const { spec, terms, lists } = merge;
  const added = terms.filter((_, i) => !(beginsEntry(terms, i) && endsEntry(terms, i)));
  const sumDigests: Uint8Array[] = [];
  for await (const sums of mergedEntries({ ...merge, terms: added })) {
    if (!sums.ok) return sums;
    for (const sum of sums.value) sumDigests.push(digestedEntry(sum).digest);
  }
  const nextSum = sumDigests.values();
  const entries = terms.flatMap((term, i) => {
    if (!endsEntry(terms, i)) return [];
    const stated = beginsEntry(terms, i) ? lists[term.partial]?.digest(term.record) : nextSum.next().value;
    return [{ ...term, digest: stated as Uint8Array }];
  });
  const { planDigest, taskId, contexts } = spec;
  return ok(ciphertextListHead({ planDigest, taskId, contexts }, entries));
}

async function* piecesOf(
  merge: Merge,
  head: Uint8Array,
): AsyncGenerator<Result<Uint8Array[], EvaluateError>> {
  yield ok([head]);
  for await (const entries of mergedEntries(merge)) {
    yield entries.ok ? ok(entries.value.map(({ packed }) => packed)) : entries;
  }
}
