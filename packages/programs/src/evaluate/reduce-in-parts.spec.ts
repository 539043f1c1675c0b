import { type CiphertextEntry, countsProfile, createWasmEngine, writeCiphertextList } from "@cos/fhe";
import { type Digest, digestOfBytes, digestOfJson, joinPieces, type ObjectRef, unwrap } from "@cos/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { madeUpEntry, madeUpList, planDigest, reduceSpec, taskId } from "../../test/made-up-partials.ts";
import type { ByteSpan, EvaluateOptions, ReadSpan } from "./evaluate-error.ts";
import { spanBytes, spansAhead } from "./partial-heads.ts";
import { partedPieces, reduceInParts } from "./reduce-in-parts.ts";
import { reducePartials } from "./reduce-partials.ts";

const engine = await createWasmEngine();
const [prime] = countsProfile.primes as [bigint];

const list = (name: string, entries: CiphertextEntry[], change?: Parameters<typeof madeUpList>[2]) =>
  madeUpList(digestOfJson(name), entries, change);

/** Partial results in a store that counts what of its reads is not let go. */
function storeOf(...partials: Uint8Array[]) {
  const refs = partials.map((bytes) => ({ digest: digestOfBytes(bytes), sizeBytes: bytes.length }));
  const objects = new Map<Digest, Uint8Array>(refs.map((ref, i) => [ref.digest, partials[i] as Uint8Array]));
  const lent = new Set<ArrayBufferLike>();
  const most = { bytes: 0, of: 0 };
  let read = 0;
  const readSpan: ReadSpan = async ({ digest }, { first, length }) => {
    const bytes = (objects.get(digest) as Uint8Array).slice(first, first + length);
    lent.add(bytes.buffer);
    read += bytes.length;
    most.of = Math.max(most.of, length);
    most.bytes = Math.max(
      most.bytes,
      [...lent].reduce((sum, each) => sum + each.byteLength, 0),
    );
    return bytes;
  };
  const release = ({ buffer }: Uint8Array) => {
    if (!lent.delete(buffer)) throw new Error("let go twice, or never lent");
  };
  return { refs, objects, lent, most, readSpan, release, bytesRead: () => read };
}
type Store = ReturnType<typeof storeOf>;

async function inParts({ refs, release }: Store, readSpan: ReadSpan, options: EvaluateOptions = {}) {
  const reduced = await reduceInParts(engine, reduceSpec, refs, readSpan, { release, ...options });
  if (!reduced.ok) return reduced;
  const bytes: Uint8Array[] = [];
  for await (const pieces of partedPieces(engine, reduceSpec, refs, reduced.value, readSpan, { release })) {
    if (!pieces.ok) return pieces;
    bytes.push(joinPieces(pieces.value));
  }
  return { ok: true as const, value: { ref: reduced.value.ref, bytes: joinPieces(bytes) } };
}

const inMemory = ({ refs, objects }: Store) =>
  reducePartials(
    engine,
    reduceSpec,
    refs,
    async ({ digest }: ObjectRef) => objects.get(digest) as Uint8Array,
  );

const result = (entries: CiphertextEntry[]) => madeUpList(taskId, entries);

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

describe("a reduce task in parts", () => {
  it("gathers what tasks wrote for runs of their own, in the result's order, and keeps none of it", async () => {
    const store = storeOf(
      list("a", [
        madeUpEntry(0, 0, 0, 1n),
        madeUpEntry(0, 0, 1, 2n),
        madeUpEntry(1, 0, 0, 3n),
        madeUpEntry(1, 0, 1, 4n),
      ]),
      list("b", [
        madeUpEntry(0, 1, 0, 5n),
        madeUpEntry(0, 1, 1, 6n),
        madeUpEntry(1, 1, 0, 7n),
        madeUpEntry(1, 1, 1, 8n),
      ]),
    );
    const expected = result([
      ...[
        madeUpEntry(0, 0, 0, 1n),
        madeUpEntry(0, 0, 1, 2n),
        madeUpEntry(0, 1, 0, 5n),
        madeUpEntry(0, 1, 1, 6n),
      ],
      ...[
        madeUpEntry(1, 0, 0, 3n),
        madeUpEntry(1, 0, 1, 4n),
        madeUpEntry(1, 1, 0, 7n),
        madeUpEntry(1, 1, 1, 8n),
      ],
    ]);
    const { ref, bytes } = unwrap(await inParts(store, store.readSpan));
    expect(same(bytes, expected)).toBe(true);
    expect(ref).toEqual({ digest: digestOfBytes(expected), sizeBytes: expected.length });
    expect(same(joinPieces(unwrap(await inMemory(store))), expected)).toBe(true);
    expect(store.lent.size).toBe(0);
  });

  it("adds up the entries that several tasks share, modulo the prime", async () => {
    const store = storeOf(
      list("a", [madeUpEntry(0, 0, 0, 1n), madeUpEntry(0, 1, 0, 3n)]),
      list("b", [madeUpEntry(0, 1, 0, 4n), madeUpEntry(0, 2, 1, prime - 1n)]),
      list("c", [madeUpEntry(0, 1, 0, 5n), madeUpEntry(0, 2, 1, 3n)]),
    );
    const expected = result([madeUpEntry(0, 0, 0, 1n), madeUpEntry(0, 1, 0, 12n), madeUpEntry(0, 2, 1, 2n)]);
    expect(same(unwrap(await inParts(store, store.readSpan)).bytes, expected)).toBe(true);
    expect(same(joinPieces(unwrap(await inMemory(store))), expected)).toBe(true);
    expect(store.lent.size).toBe(0);
  });

  it("writes what the reduce task in memory writes, however entries are spread over lists", async () => {
    const keys = fc.array(fc.tuple(fc.nat(2), fc.nat(2), fc.constantFrom(0 as const, 1 as const), fc.nat(9)));
    await fc.assert(
      fc.asyncProperty(fc.array(keys, { minLength: 1, maxLength: 4 }), async (lists) => {
        const written = lists.map((some, i) =>
          list(
            String(i),
            some.map(([v, run, contraction, residue]) => madeUpEntry(v, run, contraction, BigInt(residue))),
          ),
        );
        const store = storeOf(...written);
        const { bytes } = unwrap(await inParts(store, store.readSpan));
        expect(same(bytes, joinPieces(unwrap(await inMemory(store))))).toBe(true);
        expect(store.lent.size).toBe(0);
      }),
      { numRuns: 25 },
    );
  });

  it("holds some spans of partial results however many there are, and reads each three times", async () => {
    const runs = Array.from({ length: 100 }, (_, run) => run);
    const store = storeOf(
      ...Array.from({ length: 14 }, (_, p) =>
        list(
          String(p),
          runs.map((run) => madeUpEntry(p, run, 0, 1n)),
        ),
      ),
    );
    const total = store.refs.reduce((sum, ref) => sum + ref.sizeBytes, 0);
    expect(total).toBeGreaterThan(11 * spanBytes); // 14 * 100 * 25,600 bytes
    const { ref } = unwrap(await inParts(store, store.readSpan));
    expect(ref.sizeBytes).toBeGreaterThan(11 * spanBytes);
    expect(store.most.of).toBeLessThanOrEqual(spanBytes);
    expect(store.most.bytes).toBeLessThanOrEqual((spansAhead + 2) * spanBytes);
    const heads = 14 * (100 * 52 + 1_000);
    expect(store.bytesRead()).toBeGreaterThan(3 * (total - heads));
    expect(store.bytesRead()).toBeLessThanOrEqual(3 * total);
  });

  it("refuses a partial result that changes after it was checked, whenever that is", async () => {
    const store = storeOf(list("a", [madeUpEntry(0, 0, 0, 1n)]), list("b", [madeUpEntry(0, 1, 0, 4n)]));
    const [, second] = store.refs as [ObjectRef, ObjectRef];
    for (const whole of [1, 2]) {
      let reads = 0;
      const changing: ReadSpan = async (ref, span) => {
        const bytes = await store.readSpan(ref, span);
        if (ref === second && ++reads > whole) bytes[bytes.length - 1] = 1;
        return bytes;
      };
      expect(await inParts(store, changing)).toEqual({
        ok: false,
        error: { code: "DIGEST_MISMATCH", part: "record", index: 0, object: second.digest },
      });
    }
  });

  it("refuses one that ends early, at first and when it is read again", async () => {
    const store = storeOf(list("a", [madeUpEntry(0, 0, 0, 1n)]));
    const [ref] = store.refs as [ObjectRef];
    const shortFrom = (nth: number): ReadSpan => {
      let reads = 0;
      return async (object, span: ByteSpan) => {
        reads += 1;
        const bytes = await store.readSpan(object, span);
        return reads >= nth ? bytes.subarray(0, -1) : bytes;
      };
    };
    expect(await inParts(store, shortFrom(1))).toMatchObject({ error: { code: "OBJECT_DIGEST_MISMATCH" } });
    expect(await inParts(store, shortFrom(2))).toMatchObject({
      error: { code: "CONTAINER_TRUNCATED", object: ref.digest },
    });
  });

  it("refuses lists that no task of the plan writes, as in memory", async () => {
    const foreign = [
      writeCiphertextList({ planDigest: taskId, taskId: planDigest, contexts: reduceSpec.contexts }, []),
      list("other context", [madeUpEntry(0, 0, 0, 1n)], { contextDigest: digestOfJson("another") }),
      list("no such contraction", [{ ...madeUpEntry(0, 0, 0, 1n), contraction: 2 }]),
      list("another degree", [{ ...madeUpEntry(0, 0, 1, 1n), contraction: 0 }]),
    ];
    for (const bytes of foreign) {
      const store = storeOf(bytes);
      const refused = { ok: false, error: { code: "PARTIAL_UNEXPECTED", object: store.refs[0]?.digest } };
      expect(await inParts(store, store.readSpan)).toMatchObject(refused);
      expect(await inMemory(store)).toMatchObject(refused);
    }
  });

  it("refuses a sum with a residue that is not below its prime", async () => {
    const store = storeOf(list("a", [madeUpEntry(0, 0, 0, 1n)]), list("b", [madeUpEntry(0, 0, 0, prime)]));
    const refused = { error: { code: "CONTAINER_MALFORMED", object: store.refs[1]?.digest } };
    expect(await inParts(store, store.readSpan)).toMatchObject(refused);
    expect(await inMemory(store)).toMatchObject(refused);
  });

  it("stops when told to", async () => {
    const store = storeOf(list("a", [madeUpEntry(0, 0, 0, 1n)]));
    const cancelled = { ok: false, error: { code: "CANCELLED" } };
    expect(await inParts(store, store.readSpan, { signal: AbortSignal.abort() })).toEqual(cancelled);
    const abort = new AbortController();
    const aborting: ReadSpan = (ref, span) => {
      abort.abort();
      return store.readSpan(ref, span);
    };
    expect(await inParts(store, aborting, { signal: abort.signal })).toEqual(cancelled);
  });
});
