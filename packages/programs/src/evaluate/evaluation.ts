import type {
  Accumulator,
  BlockContainer,
  CiphertextBatch,
  CiphertextEntry,
  Evaluator,
  Term,
} from "@cos/fhe";
import { noVariantBlock, openBlock, seededRowsOf } from "@cos/fhe/evaluation";
import type { ObjectRef, Result } from "@cos/protocol";
import { digestOfBytes } from "@cos/protocol/object-digest";
import { err, ok } from "@cos/protocol/result";
import { type EvaluateTask, keyOfEntry, type PlanContraction, type TaskSpec } from "../plan/plan.ts";
import type { EvaluateError, EvaluateOptions, ReadObject } from "./evaluate-error.ts";

type RowBlockOfTask = EvaluateTask["rowBlocks"][number];

/** Rows that the engine takes in one call; messages (an abort among them) get through between calls. */
const rowsPerCall = 64;

/** One run through one task. Row blocks are the outer loop, so that a weight is expanded once for all variant blocks. */
export class Evaluation {
  readonly #evaluator: Evaluator;
  readonly #spec: TaskSpec;
  readonly #task: EvaluateTask;
  readonly #read: ReadObject;
  readonly #signal: AbortSignal | undefined;
  readonly #release: (bytes: Uint8Array) => void;
  readonly #contractions: PlanContraction[];
  readonly #open = new Map<string, Accumulator>();
  readonly #done: CiphertextEntry[] = [];

  constructor(
    evaluator: Evaluator,
    spec: TaskSpec,
    task: EvaluateTask,
    read: ReadObject,
    { signal, release }: EvaluateOptions,
  ) {
    this.#evaluator = evaluator;
    this.#spec = spec;
    this.#task = task;
    this.#read = read;
    this.#signal = signal;
    this.#release = release ?? (() => {});
    this.#contractions = spec.contractions.filter((c) => task.contractions.includes(c.index));
  }

  async run(): Promise<Result<CiphertextEntry[], EvaluateError>> {
    for (const [position, rowBlock] of this.#task.rowBlocks.entries()) {
      const done = await this.#runRowBlock(position, rowBlock);
      if (!done.ok) return done;
    }
    this.#closeRuns(this.#task.rowBlocks.length);
    return ok(this.#done);
  }

  free(): void {
    for (const accumulator of this.#open.values()) accumulator.free();
    this.#open.clear();
  }

  async #runRowBlock(position: number, rowBlock: RowBlockOfTask): Promise<Result<null, EvaluateError>> {
    const weights: Weights = new Map();
    try {
      const streamIndexes = await this.#expandWeights(rowBlock, weights);
      if (!streamIndexes.ok) return streamIndexes;
      for (const variantBlock of this.#task.variantBlocks) {
        const ref = variantBlock.blocks[position] as ObjectRef;
        const carrier = await this.#openBlock(ref, this.#task.carrier, rowBlock, variantBlock.index);
        if (!carrier.ok) return carrier;
        if (streamIndexes.value.some((rows) => !sameRows(rows, carrier.value.streamIndexes))) {
          return err({ code: "ROWS_MISALIGNED", rowBlock: rowBlock.rowBlock });
        }
        const added = await this.#addRows(rowBlock, variantBlock.index, carrier.value, ref, weights);
        if (!added.ok) return added;
        this.#release(carrier.value.rows);
      }
    } finally {
      for (const batch of weights.values()) batch.free();
    }
    this.#closeRuns(position + 1);
    return ok(null);
  }

  /** Fills `weights` with the weights of a row block, all its rows; gives the people of each block that they are from. */
  async #expandWeights(
    rowBlock: RowBlockOfTask,
    weights: Weights,
  ): Promise<Result<Uint32Array[], EvaluateError>> {
    const streamIndexes: Uint32Array[] = [];
    for (const { array, object } of rowBlock.weights) {
      const block = await this.#openBlock(object, array, rowBlock, noVariantBlock);
      if (!block.ok) return block;
      streamIndexes.push(block.value.streamIndexes);
      for (const { weight } of this.#contractions) {
        if (weight?.array !== array || weights.has(keyOfWeight(weight))) continue;
        const rows = seededRowsOf(block.value);
        const batch = this.#evaluator.expand(rows, weight.ciphertext, 0, rowBlock.rows);
        if (!batch.ok) return err({ ...batch.error, object: object.digest });
        weights.set(keyOfWeight(weight), batch.value);
      }
      this.#release(block.value.rows);
    }
    return ok(streamIndexes);
  }

  /** Opens a block whose bytes are those that the plan names: their digest vouches for each row too. */
  async #openBlock(
    ref: ObjectRef,
    array: string,
    { segment, rowBlock, rows }: RowBlockOfTask,
    variantBlock: number,
  ): Promise<Result<BlockContainer, EvaluateError>> {
    if (this.#signal?.aborted) return err({ code: "CANCELLED" });
    const bytes = await this.#read(ref);
    const actual = digestOfBytes(bytes);
    if (actual !== ref.digest) return err({ code: "OBJECT_DIGEST_MISMATCH", expected: ref.digest, actual });
    const context = this.#spec.contexts[this.#task.context];
    const block = openBlock(bytes, {
      ...(context === undefined ? {} : { contextDigest: context.contextDigest }),
      label: {
        array,
        segment,
        rowBlock,
        variantBlock: variantBlock === noVariantBlock ? null : variantBlock,
      },
    });
    if (!block.ok) return err({ ...block.error, object: ref.digest });
    if (block.value.profile.name !== this.#evaluator.profile.name) {
      return err({ code: "CONTAINER_MALFORMED", detail: "a block of another profile", object: ref.digest });
    }
    if (block.value.streamIndexes.length !== rows) return err({ code: "ROWS_MISALIGNED", rowBlock });
    return block;
  }

  async #addRows(
    rowBlock: RowBlockOfTask,
    variantBlock: number,
    carrier: BlockContainer,
    { digest: object }: ObjectRef,
    weights: Weights,
  ): Promise<Result<null, EvaluateError>> {
    const rows = seededRowsOf(carrier);
    for (const { run, first, count } of rowBlock.pieces) {
      for (let at = first; at < first + count; at += rowsPerCall) {
        await yieldToEvents();
        if (this.#signal?.aborted) return err({ code: "CANCELLED" });
        const some = Math.min(rowsPerCall, first + count - at);
        const terms = this.#contractions.map((c) => this.#term(c, variantBlock, run, weights, at));
        const added = this.#evaluator.accumulate(rows, at, some, terms);
        if (!added.ok) return err({ ...added.error, object });
      }
    }
    return ok(null);
  }

  #term(
    contraction: PlanContraction,
    variantBlock: number,
    run: number,
    weights: Weights,
    first: number,
  ): Term {
    const { carrier, weight } = contraction;
    const into = this.#accumulator(contraction, variantBlock, run);
    if (weight === null) return { ciphertext: carrier.ciphertext, into, weight: null };
    const batch = weights.get(keyOfWeight(weight));
    if (batch === undefined) throw new Error("the task names no block for this weight");
    return { ciphertext: carrier.ciphertext, into, weight: { batch, first } };
  }

  #accumulator(contraction: PlanContraction, variantBlock: number, run: number): Accumulator {
    const key = keyOfEntry({ contraction: contraction.index, variantBlock, run });
    let accumulator = this.#open.get(key);
    if (accumulator === undefined) {
      accumulator = this.#evaluator.accumulator(contraction.degree);
      this.#open.set(key, accumulator);
    }
    return accumulator;
  }

  /** Stores and frees the sums of runs that no later row block of this task adds to. */
  #closeRuns(nextRowBlock: number): void {
    const later = new Set(
      this.#task.rowBlocks.slice(nextRowBlock).flatMap((b) => b.pieces.map((piece) => piece.run)),
    );
    for (const [key, accumulator] of this.#open) {
      const [contraction, variantBlock, run] = key.split("|").map(Number) as [number, number, number];
      if (later.has(run)) continue;
      const { context, degree } = this.#spec.contractions[contraction] as PlanContraction;
      this.#done.push({ contraction, variantBlock, run, context, degree, packed: accumulator.store() });
      accumulator.free();
      this.#open.delete(key);
    }
  }
}

/** Expanded weights of one row block by array and ciphertext; the i-th of a batch is row i's. */
type Weights = Map<string, CiphertextBatch>;

const keyOfWeight = ({ array, ciphertext }: { array: string; ciphertext: number }): string =>
  `${array}|${ciphertext}`;

const sameRows = (a: Uint32Array, b: Uint32Array): boolean =>
  a.length === b.length && a.every((row, i) => row === b[i]);

const yieldToEvents = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
