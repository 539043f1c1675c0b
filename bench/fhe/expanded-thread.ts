import { parentPort, workerData } from "node:worker_threads";
import {
  type Accumulator,
  type CiphertextBatch,
  type CiphertextEntry,
  type Evaluator,
  findProfile,
  openBlock,
  seededRowsOf,
} from "@cos/fhe";
import { chooseEngine, createEngine, type EngineSetting } from "@cos/fhe-native";
import { objectKey, openEmbeddedObjects, readObject } from "@cos/objects";
import { type PlanContraction, parseTaskSpec, type TaskSpec, toOutputPieces } from "@cos/programs";
import { joinPieces, type ObjectRef, unwrap } from "@cos/protocol";
import { meet } from "./barrier.ts";

/** What a thread that has its tasks' ciphertexts expanded in memory is told. */
export type ExpandedThreadData = {
  dataDir: string;
  engine: EngineSetting;
  tasks: string[];
  repetitions: number;
  threads: number;
  /** Int32: [threads waiting, generation]. */
  barrier: SharedArrayBuffer;
};

/** When each repetition began and ended, in nanoseconds since boot, and the tasks' outputs. */
export type ExpandedTimes = { spans: [bigint, bigint][]; outputs: Uint8Array[] };

type Loaded = {
  spec: TaskSpec;
  evaluator: Evaluator;
  /** By row block: weights by array and ciphertext, carriers by variant block and ciphertext. */
  rowBlocks: { weights: Map<string, CiphertextBatch>; carriers: Map<string, CiphertextBatch> }[];
};

const data = workerData as ExpandedThreadData;
const engine = await createEngine(chooseEngine(data.engine).name);
const objects = await openEmbeddedObjects({ dataDir: data.dataDir });
/** Rows whose weights stay in the second-level cache while all variant blocks take them. */
const tile = 8;

const loaded: Loaded[] = [];
for (const task of data.tasks) loaded.push(await load(unwrap(parseTaskSpec(Buffer.from(task)))));
await objects.close();

const spans: [bigint, bigint][] = [];
let entries: CiphertextEntry[][] = [];
for (let i = 0; i < data.repetitions + 1; i += 1) {
  meet(data.barrier, data.threads);
  const from = process.hrtime.bigint();
  entries = loaded.map(evaluate);
  if (i > 0) spans.push([from, process.hrtime.bigint()]); // the first one warms up
}
const outputs = loaded.map(({ spec }, i) => joinPieces(toOutputPieces(spec, entries[i] ?? [])));
parentPort?.postMessage({ spans, outputs } satisfies ExpandedTimes);

async function load(spec: TaskSpec): Promise<Loaded> {
  if (spec.task.kind !== "evaluate") throw new Error("an evaluation is wanted");
  const { task } = spec;
  const evaluator = engine.evaluator(unwrap(findProfile(spec.contexts[task.context]?.profile ?? "")));
  const contractions = task.contractions.map((c) => spec.contractions[c] as PlanContraction);
  const expand = async (
    ref: ObjectRef,
    numbers: Iterable<number>,
    name: string,
    into: Map<string, CiphertextBatch>,
  ) => {
    const block = unwrap(
      openBlock(unwrap(await readObject(objects.store, objectKey(ref.digest), ref.sizeBytes))),
    );
    const rows = seededRowsOf(block);
    for (const ciphertext of new Set(numbers)) {
      into.set(
        `${name}|${ciphertext}`,
        unwrap(evaluator.expand(rows, ciphertext, 0, block.streamIndexes.length)),
      );
    }
  };
  const rowBlocks: Loaded["rowBlocks"] = [];
  for (const [position, rowBlock] of task.rowBlocks.entries()) {
    const weights = new Map<string, CiphertextBatch>();
    const carriers = new Map<string, CiphertextBatch>();
    for (const { array, object } of rowBlock.weights) {
      const used = contractions.flatMap(({ weight }) => (weight?.array === array ? [weight.ciphertext] : []));
      await expand(object, used, array, weights);
    }
    for (const { index, blocks } of task.variantBlocks) {
      const used = contractions.map(({ carrier }) => carrier.ciphertext);
      await expand(blocks[position] as ObjectRef, used, String(index), carriers);
    }
    rowBlocks.push({ weights, carriers });
  }
  return { spec, evaluator, rowBlocks };
}

function evaluate({ spec, evaluator, rowBlocks }: Loaded): CiphertextEntry[] {
  if (spec.task.kind !== "evaluate") throw new Error("an evaluation is wanted");
  const { task } = spec;
  const contractions = task.contractions.map((c) => spec.contractions[c] as PlanContraction);
  const sums = new Map<string, { sum: Accumulator; entry: Omit<CiphertextEntry, "packed"> }>();
  const sumOf = (
    { index: contraction, context, degree }: PlanContraction,
    variantBlock: number,
    run: number,
  ) => {
    const key = `${contraction}|${variantBlock}|${run}`;
    const found = sums.get(key) ?? {
      sum: evaluator.accumulator(degree),
      entry: { contraction, variantBlock, run, context, degree },
    };
    sums.set(key, found);
    return found.sum;
  };
  for (const [position, { pieces }] of task.rowBlocks.entries()) {
    const { weights, carriers } = rowBlocks[position] as Loaded["rowBlocks"][number];
    for (const { run, first, count } of pieces) {
      for (let at = first; at < first + count; at += tile) {
        const some = Math.min(tile, first + count - at);
        for (const { index } of task.variantBlocks) {
          for (const contraction of contractions) {
            const { carrier, weight } = contraction;
            const sum = sumOf(contraction, index, run);
            const terms = carriers.get(`${index}|${carrier.ciphertext}`) as CiphertextBatch;
            const by = weight === null ? undefined : weights.get(`${weight.array}|${weight.ciphertext}`);
            if (by === undefined) sum.add(terms, at, some);
            else sum.addProducts(terms, at, by, at, some);
          }
        }
      }
    }
  }
  return [...sums.values()].map(({ sum, entry }) => {
    const packed = sum.store();
    sum.free();
    return { ...entry, packed };
  });
}
