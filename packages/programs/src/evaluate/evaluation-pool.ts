import { type CiphertextEntry, type EngineName, ThreadPool } from "@cos/fhe";
import { chooseEngine, type EngineSetting } from "@cos/fhe-native";
import { type ObjectRef, ok, type Result } from "@cos/protocol";
import type { EvaluateTask, TaskSpec } from "../plan/plan.ts";
import type { EvaluateError, EvaluateOptions, ReadObject } from "./evaluate-error.ts";
import { toOutputPieces } from "./evaluate-task.ts";

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

export type EvaluateJob =
  | { kind: "evaluate"; spec: TaskSpec; shared: boolean }
  | { kind: "reduce"; spec: TaskSpec; shared: boolean; partials: ObjectRef[] };
export type EvaluateQuestion = ObjectRef | { memoryBytes: number };

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
          read,
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
    return this.#run({ kind: "reduce", spec, shared, partials: [...partials] }, read, options);
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  #run<T>(job: EvaluateJob, read: ReadObject, { signal, memory }: PoolOptions): Promise<T> {
    return this.#pool.run<T>(job, {
      ...(signal === undefined ? {} : { signal }),
      ...(memory === undefined ? {} : { onNotice: (buffer) => memory.give(buffer as SharedArrayBuffer) }),
      onRequest: async (asked) => {
        const question = asked as EvaluateQuestion;
        return "memoryBytes" in question ? memory?.take(question.memoryBytes) : alone(await read(question));
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
