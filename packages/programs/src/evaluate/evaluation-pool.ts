import { once } from "node:events";
import { PassThrough, type Readable } from "node:stream";
import { type CiphertextEntry, type EngineName, ThreadPool } from "@cos/fhe";
import { chooseEngine, type EngineSetting } from "@cos/fhe-native";
import { type ObjectRef, ok, type Result } from "@cos/protocol";
import type { EvaluateTask, TaskSpec } from "../plan/plan.ts";
import {
  type ByteSpan,
  type EvaluateError,
  type EvaluateOptions,
  EvaluationFailed,
  type ReadObject,
  type ReadSpan,
} from "./evaluate-error.ts";
import { toOutputPieces } from "./evaluate-task.ts";
import { PieceMemory } from "./piece-memory.ts";
import type { PartedResult } from "./reduce-in-parts.ts";

/** Memory that all threads look into; it is used again and again. */
export type SharedMemory = {
  /** `bytes` bytes of any content, at the start of a buffer that nobody else looks at. */
  take(bytes: number): Uint8Array<SharedArrayBuffer>;
  /** Takes a buffer back that nobody looks at any more. */
  give(buffer: SharedArrayBuffer): void;
};

/** How the pool runs a task. */
export type PoolOptions = EvaluateOptions & {
  /**
   * Where what `read` returns lies; it goes back there as soon as no thread looks at it. An evaluation task's output, but
   * for its head, lies there too, and is the caller's to give back. Without it everything is copied.
   */
  memory?: SharedMemory;
};

/** An output that is in no memory: its bytes are made again each time they are asked for. */
export type PartedOutput = {
  ref: ObjectRef;
  /**
   * The bytes, which a thread makes as they are read; destroying it ends that. A piece is good until two more were taken.
   * Ends with `EvaluationFailed` where an input changed, and otherwise as its reader does.
   */
  pieces(): Readable;
};

type JobOf<Kind extends string> = { kind: Kind; spec: TaskSpec; shared: boolean };
type ReduceJob<Kind extends string> = JobOf<Kind> & { partials: readonly ObjectRef[] };
export type EvaluateJob =
  | JobOf<"evaluate">
  | ReduceJob<"reduce">
  | ReduceJob<"reduce in parts">
  | (ReduceJob<"pieces"> & { parted: PartedResult });
export type EvaluateQuestion =
  | ObjectRef
  | { memoryBytes: number }
  | { object: ObjectRef; span: ByteSpan }
  /** Bytes to pass on; answered when they were. */
  | { pieces: Uint8Array[] };

/** Who answers a thread's questions; a job asks only for what is its kind's. */
type Answers = {
  object?: ReadObject;
  span?: ReadSpan;
  passOn?: (pieces: readonly Uint8Array[]) => Promise<void>;
};

/** Ciphertexts lie outside V8's heap; what lies in it is small. V8 would let each thread take tens of MiB more. */
const youngMebibytes = 6;

/**
 * Evaluates tasks in worker threads. Objects are read by the main thread (`read`), one block at a time per thread.
 * A task can be spread over several threads; its output bytes do not depend on how many.
 */
export class EvaluationPool {
  readonly threads: number;
  /** The engine that computes; outputs are the same with any. */
  readonly engine: EngineName;
  /** The same in words for people. */
  readonly engineDescription: string;
  readonly #pool: ThreadPool;

  /** @throws when `engine` asks for the native one and there is none */
  constructor(threads: number, engine: EngineSetting = "auto") {
    const { name, description } = chooseEngine(engine);
    this.threads = threads;
    this.engine = name;
    this.engineDescription = description;
    this.#pool = new ThreadPool(
      new URL("./evaluate-thread.ts", import.meta.url),
      threads,
      { engine: name },
      { youngMebibytes },
    );
  }

  /**
   * Runs an evaluation task.
   * @param options.spread threads to spread the task over (default 1: one task per thread)
   * @returns its output in pieces that follow one another
   */
  async evaluate(
    spec: TaskSpec,
    read: ReadObject,
    options: PoolOptions & { spread?: number } = {},
  ): Promise<Result<Uint8Array[], EvaluateError>> {
    const parts = splitTask(spec, options.spread ?? 1);
    const results = await Promise.all(
      parts.map((part) =>
        this.#run<Result<CiphertextEntry[], EvaluateError>>(
          { kind: "evaluate", spec: part, shared: options.memory !== undefined },
          { object: read },
          options,
        ),
      ),
    );
    const entries: CiphertextEntry[] = [];
    for (const result of results) {
      if (!result.ok) return result;
      entries.push(...result.value);
    }
    return ok(toOutputPieces(spec, entries));
  }

  /**
   * Runs the reduce task over the outputs of the tasks that it names, in their order.
   * @returns the result in pieces that follow one another
   */
  reduce(
    spec: TaskSpec,
    partials: readonly ObjectRef[],
    read: ReadObject,
    options: PoolOptions = {},
  ): Promise<Result<Uint8Array[], EvaluateError>> {
    const shared = options.memory !== undefined;
    return this.#run({ kind: "reduce", spec, shared, partials }, { object: read }, options);
  }

  /** Runs the reduce task without keeping partial results or the result: for results of any size. See `reduceInParts`. */
  async reduceInParts(
    spec: TaskSpec,
    partials: readonly ObjectRef[],
    read: ReadSpan,
    options: PoolOptions = {},
  ): Promise<Result<PartedOutput, EvaluateError>> {
    const job = { spec, shared: options.memory !== undefined, partials };
    const reduced = await this.#run<Result<PartedResult, EvaluateError>>(
      { kind: "reduce in parts", ...job },
      { span: read },
      options,
    );
    if (!reduced.ok) return reduced;
    const parted = reduced.value;
    const pieces = () => this.#pieces({ kind: "pieces", ...job, parted }, read, options);
    return ok({ ref: parted.ref, pieces });
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  /** The bytes that a thread passes on. It waits until they are taken: at most two pieces are here. */
  #pieces(job: EvaluateJob, read: ReadSpan, options: PoolOptions): Readable {
    const body = new PassThrough({ highWaterMark: 1 });
    const closed = new AbortController();
    body.once("close", () => closed.abort());
    const signal = AbortSignal.any([
      closed.signal,
      ...(options.signal === undefined ? [] : [options.signal]),
    ]);
    const copies = new PieceMemory(); // of this stream alone: a socket may look at them when it has ended
    const passOn = async (pieces: readonly Uint8Array[]) => {
      if (closed.signal.aborted || body.write(copies.join(pieces))) return;
      await once(body, "drain", { signal: closed.signal }).catch(() => {});
    };
    this.#run<Result<null, EvaluateError>>(job, { span: read, passOn }, { ...options, signal }).then(
      (ended) => (ended.ok ? body.end() : body.destroy(new EvaluationFailed(ended.error))),
      (error: Error) => body.destroy(error),
    );
    return body;
  }

  #run<T>(job: EvaluateJob, answers: Answers, { signal, memory }: PoolOptions): Promise<T> {
    return this.#pool.run<T>(job, {
      ...(signal === undefined ? {} : { signal }),
      ...(memory === undefined ? {} : { onNotice: (buffer) => memory.give(buffer as SharedArrayBuffer) }),
      onRequest: async (asked) => {
        const question = asked as EvaluateQuestion;
        if ("memoryBytes" in question) return memory?.take(question.memoryBytes);
        if ("pieces" in question) return answers.passOn?.(question.pieces);
        const bytes =
          "span" in question ? answers.span?.(question.object, question.span) : answers.object?.(question);
        return alone((await bytes) as Uint8Array);
      },
    });
  }
}

/** Bytes in a buffer of their own or in shared memory: a message copies the whole buffer that a view looks into. */
const alone = (bytes: Uint8Array): Uint8Array =>
  bytes.buffer instanceof SharedArrayBuffer || bytes.byteLength === bytes.buffer.byteLength
    ? bytes
    : new Uint8Array(bytes);

/** Cuts a task by variant blocks: no two parts share an entry. */
function splitTask(spec: TaskSpec, parts: number): TaskSpec[] {
  const task = spec.task as EvaluateTask;
  const size = Math.ceil(task.variantBlocks.length / Math.max(1, parts));
  const specs: TaskSpec[] = [];
  for (let at = 0; at < task.variantBlocks.length; at += size) {
    specs.push({ ...spec, task: { ...task, variantBlocks: task.variantBlocks.slice(at, at + size) } });
  }
  return specs;
}
