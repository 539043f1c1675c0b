import type { ContainerError, StoredCiphertextList } from "@cos/fhe";
import { readCiphertextList } from "@cos/fhe/evaluation";
import type { ObjectRef, Result } from "@cos/protocol";
import { joinPieces, objectDigester } from "@cos/protocol/object-digest";
import { err, ok } from "@cos/protocol/result";
import type { TaskSpec } from "../plan/plan.ts";
import { checkPartial } from "./check-partial.ts";
import type { ByteSpan, EvaluateError, EvaluateOptions, ReadSpan } from "./evaluate-error.ts";
import { inOrder } from "./in-order.ts";

/** Bytes of one read, at most: a little less than a block, so that its memory serves here too. */
export const spanBytes = 3 * 2 ** 20;
/** Spans that are read while one is looked at: enough that a store's answer time does not show. */
export const spansAhead = 3;

/**
 * Reads every partial result once, checks that it is the object that its digest names, and keeps its head: what it holds,
 * and the digests by which each entry is checked when it is read again.
 * Memory: the heads, 52 bytes an entry, and `spansAhead + 1` spans.
 * @errors `OBJECT_DIGEST_MISMATCH`, those of a container, `CANCELLED`
 */
export async function readPartialHeads(
  partials: readonly ObjectRef[],
  read: ReadSpan,
  { signal, release = () => {} }: EvaluateOptions,
): Promise<Result<Uint8Array[], EvaluateError>> {
  const spans = inOrder(spansOf(partials), ([ref, span]) => read(ref, span), spansAhead, release);
  const heads: Uint8Array[] = [];
  try {
    for (const ref of partials) {
      if (signal?.aborted) return err({ code: "CANCELLED" });
      const head = await readHead(ref, spans, release);
      if (!head.ok) return err({ ...head.error, object: ref.digest } as EvaluateError);
      heads.push(head.value);
    }
  } finally {
    await spans.return(undefined);
  }
  return ok(heads);
}

function* spansOf(partials: readonly ObjectRef[]): Generator<[ObjectRef, ByteSpan]> {
  for (const ref of partials) {
    for (let first = 0; first < ref.sizeBytes; first += spanBytes) {
      yield [ref, { first, length: Math.min(spanBytes, ref.sizeBytes - first) }];
    }
  }
}

/** The head of the object whose spans come next; all of them are taken, whatever is wrong with it. */
async function readHead(
  { digest: expected, sizeBytes }: ObjectRef,
  spans: AsyncGenerator<Uint8Array>,
  release: (bytes: Uint8Array) => void,
): Promise<Result<Uint8Array, EvaluateError>> {
  const digester = objectDigester();
  const ofHead: Uint8Array[] = [];
  let [taken, headBytes] = [0, 0];
  const take = async (): Promise<Uint8Array> => {
    const bytes = (await spans.next()).value as Uint8Array;
    digester.update(bytes);
    taken += Math.min(spanBytes, sizeBytes - taken);
    return bytes;
  };
  const list = await readCiphertextList({
    sizeBytes,
    read: async (first, length) => {
      headBytes = first + length;
      while (taken < Math.min(headBytes, sizeBytes)) ofHead.push(await take());
      return copyOf(ofHead, first, headBytes);
    },
  });
  const head = copyOf(ofHead, 0, headBytes);
  ofHead.forEach(release);
  while (taken < sizeBytes) release(await take());
  const actual = digester.digest();
  if (actual !== expected) return err({ code: "OBJECT_DIGEST_MISMATCH", expected, actual });
  return list.ok ? ok(head) : list;
}

/** Bytes `first .. end - 1` of pieces that follow one another. */
function copyOf(pieces: readonly Uint8Array[], first: number, end: number): Uint8Array {
  const [only, ...more] = pieces;
  return (only !== undefined && more.length === 0 ? only : joinPieces(pieces)).slice(first, end);
}

/**
 * Opens partial results by their heads; their ciphertexts are read when they are asked for.
 * @param heads as `readPartialHeads` gave them
 * @errors `PARTIAL_UNEXPECTED`, those of a container
 */
export async function openPartials(
  spec: TaskSpec,
  partials: readonly ObjectRef[],
  heads: readonly Uint8Array[],
  read: ReadSpan,
): Promise<Result<StoredCiphertextList[], EvaluateError>> {
  const lists: StoredCiphertextList[] = [];
  for (const [i, ref] of partials.entries()) {
    const list = await openPartial(spec, ref, heads[i] as Uint8Array, read);
    if (!list.ok) return err({ ...list.error, object: ref.digest } as EvaluateError);
    lists.push(list.value);
  }
  return ok(lists);
}

async function openPartial(
  spec: TaskSpec,
  ref: ObjectRef,
  head: Uint8Array,
  read: ReadSpan,
): Promise<Result<StoredCiphertextList, EvaluateError | ContainerError>> {
  const list = await readCiphertextList({
    sizeBytes: ref.sizeBytes,
    read: async (first, length) =>
      first < head.length ? head.slice(first, first + length) : read(ref, { first, length }),
  });
  if (!list.ok) return list;
  const checked = checkPartial(spec, list.value);
  return checked.ok ? list : checked;
}
