import { randomFillSync } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";
import {
  type Accumulator,
  type CiphertextBatch,
  countsProfile,
  createWasmEngine,
  type Engine,
  type Evaluator,
  packedPolynomialBytes,
  type SeededRows,
} from "@cos/fhe";
import { type CpuLevel, createNativeEngine, loadAddon } from "@cos/fhe-native";
import { unwrap } from "@cos/protocol";
import type { NativeBatch } from "../../packages/fhe-native/src/native-engine.ts";
import { meet } from "./barrier.ts";

/** What a thread is told: its share of the markers, and the barrier that all threads of one measurement meet at. */
export type KernelThreadData = {
  /** Null: SEAL's evaluator in WebAssembly. */
  level: CpuLevel | null;
  samples: number;
  variantBlocks: number;
  rowsPerRun: number;
  repetitions: number;
  threads: number;
  /** Int32: [threads waiting, generation]. */
  barrier: SharedArrayBuffer;
};

/** One kernel on one thread: when each repetition began and ended, in nanoseconds since boot, and what it went through. */
export type KernelTimes = {
  kernel: string;
  spans: [bigint, bigint][];
  genotypes: number;
  bytes: number;
};

const data = workerData as KernelThreadData;
const profile = countsProfile;
const { ringDegree } = profile;

function measure(kernel: string, genotypes: number, bytes: number, work: () => void): KernelTimes {
  const spans: [bigint, bigint][] = [];
  for (let i = 0; i < data.repetitions + 1; i += 1) {
    meet(data.barrier, data.threads);
    const from = process.hrtime.bigint();
    work();
    if (i > 0) spans.push([from, process.hrtime.bigint()]); // the first one warms up
  }
  return { kernel, spans, genotypes, bytes };
}

/** Rows of random residues: to the evaluator they look as encrypted ones do. */
function randomRows(rows: number): SeededRows {
  const size = packedPolynomialBytes(profile);
  return {
    seed: randomFillSync(new Uint8Array(32)),
    streamIndexes: Uint32Array.from({ length: rows }, (_, i) => i),
    rows: randomFillSync(new Uint8Array(rows * size)),
    rowStride: size,
    payloadAt: 0,
    ciphertextsPerRow: 1,
  };
}

/** Rows whose weights fit a usual second-level cache: half a megabyte. */
const tile = 16;
const expandedBytes = 2 * ringDegree * 8;

function measureNative(engine: Engine): KernelTimes[] {
  const { samples, variantBlocks, rowsPerRun } = data;
  const evaluator = engine.evaluator(profile);
  const rows = randomRows(samples);
  const another = (): CiphertextBatch =>
    unwrap(evaluator.expand({ ...rows, seed: randomFillSync(new Uint8Array(32)) }, 0, 0, samples));
  const blocks = Array.from({ length: variantBlocks }, another);
  const weights = another();
  const cells = samples * variantBlocks;
  const genotypes = cells * ringDegree;
  const bytes = cells * expandedBytes;

  const loaded = loadAddon();
  if (!loaded.ok) throw new Error(loaded.reason.code);
  const results: KernelTimes[] = [];
  results.push(
    measure("read", genotypes, bytes, () => {
      for (const block of blocks) loaded.addon.batchRead((block as NativeBatch).handle);
    }),
  );
  const sums = blocks.map(() => evaluator.accumulator(1));
  results.push(
    measure("sum", genotypes, bytes, () => {
      for (const [v, block] of blocks.entries()) sums[v]?.add(block);
    }),
  );
  const products = blocks.map(() => evaluator.accumulator(2));
  results.push(
    measure("product", genotypes, bytes, () => {
      addTiles(products, blocks, weights, 0, samples);
    }),
  );
  results.push(
    measure(`product, stored in runs of ${rowsPerRun}`, genotypes, bytes, () => {
      for (let first = 0; first < samples; first += rowsPerRun) {
        storeRun(evaluator, blocks, weights, first, Math.min(rowsPerRun, samples - first));
      }
    }),
  );
  const once = samples * ringDegree;
  results.push(
    measure("unpack and expand", once, samples * expandedBytes, () => {
      for (let first = 0; first < samples; first += tile) {
        unwrap(evaluator.expand(rows, 0, first, Math.min(tile, samples - first))).free();
      }
    }),
  );
  const seededSum = evaluator.accumulator(1);
  results.push(
    measure("sum from seeded rows", once, rows.rows.length, () => {
      unwrap(evaluator.accumulate(rows, 0, samples, [{ ciphertext: 0, into: seededSum, weight: null }]));
    }),
  );
  const seededProduct = evaluator.accumulator(2);
  results.push(
    measure("product from seeded rows", once, rows.rows.length, () => {
      const weight = { batch: weights, first: 0 };
      unwrap(evaluator.accumulate(rows, 0, samples, [{ ciphertext: 0, into: seededProduct, weight }]));
    }),
  );
  return results;
}

/** A few rows' weights stay in the cache while all blocks take them. */
function addTiles(
  sums: readonly Accumulator[],
  blocks: readonly CiphertextBatch[],
  weights: CiphertextBatch,
  first: number,
  count: number,
): void {
  for (let at = first; at < first + count; at += tile) {
    const some = Math.min(tile, first + count - at);
    for (const [v, block] of blocks.entries()) sums[v]?.addProducts(block, at, weights, at, some);
  }
}

function storeRun(
  evaluator: Evaluator,
  blocks: readonly CiphertextBatch[],
  weights: CiphertextBatch,
  first: number,
  count: number,
): void {
  const sums = blocks.map(() => evaluator.accumulator(2));
  addTiles(sums, blocks, weights, first, count);
  for (const sum of sums) {
    sum.store();
    sum.free();
  }
}

/** The same work done with SEAL's evaluator, ciphertext by ciphertext; a smaller share of it, as it takes long. */
function measureSeal(engine: Engine): KernelTimes[] {
  const count = 64;
  const evaluator = engine.evaluator(profile);
  const rows = randomRows(count);
  const [carriers, weights] = [rows, randomRows(count)].map((r) => unwrap(evaluator.expand(r, 0, 0, count)));
  const [sum, products] = [evaluator.accumulator(1), evaluator.accumulator(2)];
  const genotypes = count * ringDegree;
  const bytes = count * expandedBytes;
  return [
    measure("sum", 8 * genotypes, 8 * bytes, () => {
      for (let i = 0; i < 8; i += 1) sum.add(carriers as CiphertextBatch);
    }),
    measure("product", 4 * genotypes, 4 * bytes, () => {
      for (let i = 0; i < 4; i += 1)
        products.addProducts(carriers as CiphertextBatch, 0, weights as CiphertextBatch, 0, count);
    }),
    measure("unpack and expand", genotypes, bytes, () => {
      unwrap(evaluator.expand(rows, 0, 0, count)).free();
    }),
    measure("product from seeded rows", genotypes, rows.rows.length, () => {
      const weight = { batch: weights as CiphertextBatch, first: 0 };
      unwrap(evaluator.accumulate(rows, 0, count, [{ ciphertext: 0, into: products, weight }]));
    }),
  ];
}

const engine = data.level === null ? await createWasmEngine() : createNativeEngine(data.level);
if (engine === undefined) throw new Error("no native engine");
parentPort?.postMessage(data.level === null ? measureSeal(engine) : measureNative(engine));
