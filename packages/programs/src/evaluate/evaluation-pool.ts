import { type CiphertextEntry, type EngineName, ThreadPool } from "@cos/fhe";
import { chooseEngine, type EngineSetting } from "@cos/fhe-native";
import { type ObjectRef, ok, type Result } from "@cos/protocol";
import type { EvaluateTask, TaskSpec } from "../plan/plan.ts";
import type { EvaluateError, EvaluateOptions, ReadObject } from "./evaluate-error.ts";
import { toOutput } from "./evaluate-task.ts";

/** How the pool runs a task. */
export type PoolOptions = EvaluateOptions & {
  /** What `read` returns is wanted by nobody else: its buffer moves to the thread instead of being copied. Default false. */
  handOver?: boolean;
};

export type EvaluateJob =
  | { kind: "evaluate"; spec: TaskSpec }
  | { kind: "reduce"; spec: TaskSpec; partials: ObjectRef[] };

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
    this.#pool = new ThreadPool(new URL("./evaluate-thread.ts", import.meta.url), threads, { engine: name });
  }

  /**
   * Runs an evaluation task.
   * @param options.spread threads to spread the task over (default 1: one task per thread)
   */
  async evaluate(
    spec: TaskSpec,
    read: ReadObject,
    options: PoolOptions & { spread?: number } = {},
  ): Promise<Result<Uint8Array, EvaluateError>> {
    const parts = splitTask(spec, options.spread ?? 1);
    const results = await Promise.all(
      parts.map((part) =>
        this.#run<Result<CiphertextEntry[], EvaluateError>>({ kind: "evaluate", spec: part }, read, options),
      ),
    );
    const entries: CiphertextEntry[] = [];
    for (const result of results) {
      if (!result.ok) return result;
      entries.push(...result.value);
    }
    return ok(toOutput(spec, entries));
  }

  /** Runs the reduce task over the outputs of the tasks that it names, in their order. */
  reduce(
    spec: TaskSpec,
    partials: readonly ObjectRef[],
    read: ReadObject,
    options: PoolOptions = {},
  ): Promise<Result<Uint8Array, EvaluateError>> {
    return this.#run({ kind: "reduce", spec, partials: [...partials] }, read, options);
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  #run<T>(job: EvaluateJob, read: ReadObject, { signal, handOver = false }: PoolOptions): Promise<T> {
    return this.#pool.run<T>(job, {
      ...(signal === undefined ? {} : { signal }),
      ...(handOver ? { transferAnswer: (bytes) => [(bytes as Uint8Array<ArrayBuffer>).buffer] } : {}),
      onRequest: async (ref) => alone(await read(ref as ObjectRef)),
    });
  }
}

/** Bytes in a buffer of their own: a message copies the whole buffer that a view looks into. */
const alone = (bytes: Uint8Array): Uint8Array =>
  bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);

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
