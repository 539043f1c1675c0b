import {
  type Accumulator,
  type BlockContainer,
  type CiphertextEntry,
  type ContainerError,
  type Engine,
  type Evaluator,
  type EvaluatorCiphertext,
  findProfile,
  noVariantBlock,
  openBlock,
  openCiphertextList,
  writeCiphertextList,
} from "@cos/fhe";
import { type Digest, digestOfBytes, err, type ObjectRef, ok, type Result } from "@cos/protocol";
import {
  compareEntries,
  type EvaluateTask,
  keyOfEntry,
  type PlanContraction,
  type TaskSpec,
} from "../plan/plan.ts";

export type EvaluateError =
  | (ContainerError & { object?: Digest })
  /** The bytes are not those that the digest names. */
  | { code: "OBJECT_DIGEST_MISMATCH"; expected: Digest; actual: Digest }
  /** Blocks that should hold the same people do not. */
  | { code: "ROWS_MISALIGNED"; rowBlock: number }
  | { code: "PROFILE_UNKNOWN"; name: string }
  /** A partial result that is not the one that the plan asks for. */
  | { code: "PARTIAL_UNEXPECTED"; taskId: Digest }
  | { code: "CANCELLED" };

/** Fetches an object's bytes by reference; the caller checks nothing, the evaluator checks the digest. */
export type ReadObject = (ref: ObjectRef) => Promise<Uint8Array>;

export type EvaluateOptions = { signal?: AbortSignal };

/** Runs one evaluation task. Its output is a function of the task and its inputs, byte for byte. */
export async function evaluateTask(
  engine: Engine,
  spec: TaskSpec,
  read: ReadObject,
  options: EvaluateOptions = {},
): Promise<Result<Uint8Array, EvaluateError>> {
  const entries = await evaluateEntries(engine, spec, read, options);
  return entries.ok ? ok(toOutput(spec, entries.value)) : entries;
}

/** A task's output from its entries, put into their canonical order. */
export function toOutput(spec: TaskSpec, entries: readonly CiphertextEntry[]): Uint8Array {
  return writeCiphertextList(
    { planDigest: spec.planDigest, taskId: spec.taskId, contexts: spec.contexts },
    [...entries].sort(compareEntries),
  );
}

/**
 * The sums of one evaluation task. Memory: one block, the expanded weights of one row block, and the open sums.
 * Row blocks are the outer loop, so that a weight is expanded once for all variant blocks.
 */
export async function evaluateEntries(
  engine: Engine,
  spec: TaskSpec,
  read: ReadObject,
  { signal }: EvaluateOptions = {},
): Promise<Result<CiphertextEntry[], EvaluateError>> {
  if (spec.task.kind !== "evaluate") throw new TypeError("not an evaluation task");
  const { task } = spec;
  const profileName = spec.contexts[task.context]?.profile ?? "";
  const profile = findProfile(profileName);
  if (!profile.ok) return profile;
  const evaluation = new Evaluation(engine.evaluator(profile.value), spec, task, read, signal);
  try {
    return await evaluation.run();
  } finally {
    evaluation.free();
  }
}

class Evaluation {
  readonly #evaluator: Evaluator;
  readonly #spec: TaskSpec;
  readonly #task: EvaluateTask;
  readonly #read: ReadObject;
  readonly #signal: AbortSignal | undefined;
  readonly #contractions: PlanContraction[];
  readonly #open = new Map<string, Accumulator>();
  readonly #done: CiphertextEntry[] = [];

  constructor(
    evaluator: Evaluator,
    spec: TaskSpec,
    task: EvaluateTask,
    read: ReadObject,
    signal: AbortSignal | undefined,
  ) {
    this.#evaluator = evaluator;
    this.#spec = spec;
    this.#task = task;
    this.#read = read;
    this.#signal = signal;
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

  async #runRowBlock(
    position: number,
    rowBlock: EvaluateTask["rowBlocks"][number],
  ): Promise<Result<null, EvaluateError>> {
    const weights = new Map<string, BlockContainer>();
    for (const { array, object } of rowBlock.weights) {
      const block = await this.#openBlock(object, array, rowBlock, noVariantBlock);
      if (!block.ok) return block;
      weights.set(array, block.value);
    }
    const expanded: WeightCache = new Map();
    try {
      for (const variantBlock of this.#task.variantBlocks) {
        const ref = variantBlock.blocks[position] as ObjectRef;
        const carrier = await this.#openBlock(ref, this.#task.carrier, rowBlock, variantBlock.index);
        if (!carrier.ok) return carrier;
        for (const weight of weights.values()) {
          if (!sameRows(carrier.value, weight)) {
            return err({ code: "ROWS_MISALIGNED", rowBlock: rowBlock.rowBlock });
          }
        }
        const added = await this.#addRows(rowBlock, variantBlock.index, carrier.value, weights, expanded);
        if (!added.ok) return added;
      }
    } finally {
      for (const ciphertext of expanded.values()) ciphertext.free();
    }
    this.#closeRuns(position + 1);
    return ok(null);
  }

  async #openBlock(
    ref: ObjectRef,
    array: string,
    { segment, rowBlock, rows }: EvaluateTask["rowBlocks"][number],
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
    if (block.value.streamIndexes.length !== rows) return err({ code: "ROWS_MISALIGNED", rowBlock });
    return block;
  }

  async #addRows(
    rowBlock: EvaluateTask["rowBlocks"][number],
    variantBlock: number,
    carrier: BlockContainer,
    weights: ReadonlyMap<string, BlockContainer>,
    expanded: WeightCache,
  ): Promise<Result<null, EvaluateError>> {
    for (const piece of rowBlock.pieces) {
      for (let row = piece.first; row < piece.first + piece.count; row += 1) {
        if (row % 32 === 0) {
          await yieldToEvents();
          if (this.#signal?.aborted) return err({ code: "CANCELLED" });
        }
        const added = this.#addRow(row, piece.run, variantBlock, carrier, weights, expanded);
        if (!added.ok) return added;
      }
    }
    return ok(null);
  }

  #addRow(
    row: number,
    run: number,
    variantBlock: number,
    carrier: BlockContainer,
    weights: ReadonlyMap<string, BlockContainer>,
    expanded: WeightCache,
  ): Result<null, EvaluateError> {
    const own: WeightCache = new Map();
    try {
      for (const contraction of this.#contractions) {
        const { ciphertext } = contraction.carrier;
        const term = this.#expand(own, `${ciphertext}`, carrier, row, ciphertext);
        if (!term.ok) return term;
        const accumulator = this.#accumulator(contraction, variantBlock, run);
        if (contraction.weight === null) {
          accumulator.add(term.value);
          continue;
        }
        const weight = this.#expandWeight(expanded, weights, contraction.weight, row);
        if (!weight.ok) return weight;
        accumulator.addProduct(term.value, weight.value);
      }
      return ok(null);
    } finally {
      for (const ciphertext of own.values()) ciphertext.free();
    }
  }

  #expandWeight(
    cache: WeightCache,
    weights: ReadonlyMap<string, BlockContainer>,
    { array, ciphertext }: { array: string; ciphertext: number },
    row: number,
  ): Result<EvaluatorCiphertext, EvaluateError> {
    const key = `${array}|${ciphertext}|${row}`;
    const block = weights.get(array);
    if (block === undefined) throw new Error("the task names no block for this weight");
    return this.#expand(cache, key, block, row, ciphertext);
  }

  #expand(
    cache: WeightCache,
    key: string,
    block: BlockContainer,
    row: number,
    ciphertext: number,
  ): Result<EvaluatorCiphertext, EvaluateError> {
    const known = cache.get(key);
    if (known !== undefined) return ok(known);
    const seeded = block.ciphertext(row, ciphertext);
    if (!seeded.ok) return seeded;
    const expanded = this.#evaluator.expand(seeded.value);
    if (expanded.ok) cache.set(key, expanded.value);
    return expanded;
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

type WeightCache = Map<string, EvaluatorCiphertext>;

const sameRows = (a: BlockContainer, b: BlockContainer): boolean =>
  a.streamIndexes.length === b.streamIndexes.length &&
  a.streamIndexes.every((row, i) => row === b.streamIndexes[i]);

/** Lets messages (an abort among them) through between rows. */
const yieldToEvents = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * Runs the reduce task: entries of one key are added up, all others gathered, in canonical order.
 * @param partials the outputs of the tasks that `task.inputs` names, in that order
 */
export async function reducePartials(
  engine: Engine,
  spec: TaskSpec,
  partials: readonly ObjectRef[],
  read: ReadObject,
  { signal }: EvaluateOptions = {},
): Promise<Result<Uint8Array, EvaluateError>> {
  if (spec.task.kind !== "reduce") throw new TypeError("not a reduce task");
  const merged = new Map<string, CiphertextEntry>();
  for (const ref of partials) {
    if (signal?.aborted) return err({ code: "CANCELLED" });
    const bytes = await read(ref);
    const actual = digestOfBytes(bytes);
    if (actual !== ref.digest) return err({ code: "OBJECT_DIGEST_MISMATCH", expected: ref.digest, actual });
    const added = addPartial(engine, spec, bytes, merged);
    if (!added.ok) return err({ ...added.error, object: ref.digest } as EvaluateError);
  }
  return ok(toOutput(spec, [...merged.values()]));
}

function addPartial(
  engine: Engine,
  spec: TaskSpec,
  bytes: Uint8Array,
  merged: Map<string, CiphertextEntry>,
): Result<null, EvaluateError> {
  const list = openCiphertextList(bytes);
  if (!list.ok) return list;
  if (list.value.header.planDigest !== spec.planDigest) {
    return err({ code: "PARTIAL_UNEXPECTED", taskId: list.value.header.taskId });
  }
  for (let i = 0; i < list.value.count; i += 1) {
    const entry = list.value.describe(i);
    const contraction = spec.contractions[entry.contraction];
    if (contraction?.degree !== entry.degree || contraction.context !== entry.context) {
      return err({ code: "PARTIAL_UNEXPECTED", taskId: list.value.header.taskId });
    }
    const packed = list.value.packed(i);
    if (!packed.ok) return packed;
    const key = keyOfEntry(entry);
    const before = merged.get(key);
    if (before === undefined) {
      merged.set(key, { ...entry, packed: packed.value });
      continue;
    }
    const sum = addPacked(engine, spec, entry.context, entry.degree, before.packed, packed.value);
    if (!sum.ok) return sum;
    merged.set(key, { ...entry, packed: sum.value });
  }
  return ok(null);
}

function addPacked(
  engine: Engine,
  spec: TaskSpec,
  context: number,
  degree: 1 | 2,
  ...terms: Uint8Array[]
): Result<Uint8Array, EvaluateError> {
  const profile = findProfile(spec.contexts[context]?.profile ?? "");
  if (!profile.ok) return profile;
  const evaluator = engine.evaluator(profile.value);
  const sum = evaluator.accumulator(degree);
  try {
    for (const packed of terms) {
      const term = evaluator.load(packed, degree);
      if (!term.ok) return term;
      sum.add(term.value);
      term.value.free();
    }
    return ok(sum.store());
  } finally {
    sum.free();
  }
}
