import {
  type Digest,
  digestOfBytes,
  digestOfJson,
  digestOfPieces,
  joinPieces,
  type ObjectRef,
  unwrap,
} from "@cos/protocol";
import { describe, expect, it } from "vitest";
import {
  allelicAssociation,
  EvaluationPool,
  linearRegressionProgram,
  parseTaskSpec,
  planDigestOf,
  type ReadObject,
  recomputeResult,
  type SharedMemory,
  taskSpec,
  taskSpecBytes,
} from "../src/index.ts";
import { clinicStudy, planOf } from "./clinic-study.ts";

const study = clinicStudy();

describe("an encrypted study", () => {
  it("gives the same bytes on one thread, on two, from another pool, and with either engine", async () => {
    const { store, pool, dataset } = study();
    const plan = planOf(linearRegressionProgram, dataset.manifest);
    const spec = taskSpec(plan, planDigestOf(plan), 0);
    const other = new EvaluationPool(1, "wasm");
    const outputs = [
      await pool.evaluate(spec, store.read),
      await pool.evaluate(spec, store.read, { spread: 2 }),
      await other.evaluate(unwrap(parseTaskSpec(taskSpecBytes(spec))), store.read),
    ];
    await other.close();
    expect(new Set(outputs.map((o) => digestOfPieces(unwrap(o)))).size).toBe(1);
  });

  it("gives the same bytes through shared memory, and all of it back but for the output's", async () => {
    const { store, pool, dataset } = study();
    const plan = planOf(allelicAssociation, dataset.manifest);
    const planDigest = planDigestOf(plan);
    let held = 0;
    const memory: SharedMemory = {
      take: (bytes) => {
        held += 1;
        return new Uint8Array(new SharedArrayBuffer(bytes + 64), 0, bytes);
      },
      give: (buffer) => {
        held -= 1;
        new Uint8Array(buffer).fill(0xee); // whoever still looked at it would see this
      },
    };
    const shared = async (ref: ObjectRef, read: ReadObject) => {
      const bytes = await read(ref);
      const copy = memory.take(bytes.length);
      copy.set(bytes);
      return copy;
    };
    const partials = new Map<Digest, Uint8Array>();
    for (const { index } of plan.tasks.slice(0, -1)) {
      const spec = taskSpec(plan, planDigest, index);
      const output = unwrap(await pool.evaluate(spec, (ref) => shared(ref, store.read), { memory }));
      expect(held).toBe(1);
      const bytes = joinPieces(output);
      for (const buffer of new Set(output.map((piece) => piece.buffer))) {
        if (buffer instanceof SharedArrayBuffer) memory.give(buffer);
      }
      expect(held).toBe(0);
      expect(digestOfBytes(bytes)).toBe(digestOfPieces(unwrap(await pool.evaluate(spec, store.read))));
      partials.set(digestOfBytes(bytes), bytes);
    }
    const inputs = [...partials].map(([digest, bytes]) => ({ digest, sizeBytes: bytes.length }));
    const last = taskSpec(plan, planDigest, plan.tasks.length - 1);
    const readPartial = async ({ digest }: ObjectRef) => partials.get(digest) as Uint8Array;
    const result = await pool.reduce(last, inputs, (ref) => shared(ref, readPartial), { memory });
    expect(held).toBe(0);
    const { outputDigest } = unwrap(await recomputeResult(pool, plan, store.read));
    expect(digestOfPieces(unwrap(result))).toBe(outputDigest);
  });

  it("takes no task whose numbers point nowhere", () => {
    const { dataset } = study();
    const plan = planOf(allelicAssociation, dataset.manifest);
    const spec = taskSpec(plan, planDigestOf(plan), 0);
    for (const change of [
      (s: typeof spec) => s.contractions.pop(),
      (s: typeof spec) => s.contexts.pop(),
      (s: typeof spec) => s.task.kind === "evaluate" && s.task.variantBlocks[0]?.blocks.pop(),
      (s: typeof spec) =>
        s.task.kind === "evaluate" && s.task.rowBlocks[0]?.pieces.push({ run: 0, first: 149, count: 2 }),
    ]) {
      const bad = structuredClone(spec);
      change(bad);
      expect(parseTaskSpec(taskSpecBytes(bad))).toMatchObject({ error: { code: "TASK_MALFORMED" } });
    }
  });

  it("fails as its reader does, does without an answer that is given later, and goes on to the next task", async () => {
    const { store, dataset } = study();
    const plan = planOf(allelicAssociation, dataset.manifest);
    const spec = taskSpec(plan, planDigestOf(plan), 0);
    const alone = new EvaluationPool(1);
    try {
      const lost = new Error("the store is lost");
      let reads = 0;
      const failing: ReadObject = (ref) => (++reads > 1 ? Promise.reject(lost) : store.read(ref));
      expect(await alone.evaluate(spec, failing).catch((error: unknown) => error)).toBe(lost);
      let answers = 0;
      const stumbling: ReadObject = (ref) => (++answers === 2 ? Promise.reject(lost) : store.read(ref));
      const output = digestOfPieces(unwrap(await alone.evaluate(spec, stumbling)));
      expect(output).toBe(digestOfPieces(unwrap(await alone.evaluate(spec, store.read))));
    } finally {
      await alone.close();
    }
  });

  it("stops when told to", async () => {
    const { store, pool, dataset } = study();
    const plan = planOf(linearRegressionProgram, dataset.manifest);
    const abort = new AbortController();
    const running = pool.evaluate(taskSpec(plan, planDigestOf(plan), 0), store.read, {
      signal: abort.signal,
    });
    abort.abort();
    expect(await running).toEqual({ ok: false, error: { code: "CANCELLED" } });
  });

  it("refuses tampered, swapped and foreign blocks while evaluating", async () => {
    const { store, pool, dataset } = study();
    const plan = planOf(allelicAssociation, dataset.manifest);
    const spec = taskSpec(plan, planDigestOf(plan), 0);
    const run = async (change: (ref: ObjectRef, bytes: Uint8Array) => Uint8Array) =>
      pool.evaluate(spec, async (ref) => change(ref, (await store.read(ref)).slice()));
    const tampered = await run((_, bytes) => bytes.fill(7, bytes.length - 3));
    expect(tampered).toMatchObject({ error: { code: "OBJECT_DIGEST_MISMATCH" } });
    const truncated = await run((_, bytes) => bytes.subarray(0, 1_000));
    expect(truncated).toMatchObject({ error: { code: "OBJECT_DIGEST_MISMATCH" } });

    const foreign = structuredClone(spec);
    foreign.contexts[0]!.contextDigest = digestOfJson("another context");
    expect(await pool.evaluate(foreign, store.read)).toMatchObject({ error: { code: "CONTEXT_MISMATCH" } });

    const swapped = structuredClone(spec);
    if (swapped.task.kind !== "evaluate") throw new Error("first task evaluates");
    const [a, b] = swapped.task.variantBlocks;
    [a!.blocks, b!.blocks] = [b!.blocks, a!.blocks];
    expect(await pool.evaluate(swapped, store.read)).toMatchObject({
      error: { code: "CONTAINER_MALFORMED" },
    });
  });
});
