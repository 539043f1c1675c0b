import { Worker } from "node:worker_threads";

/** What the pool and its threads say to each other. `id` pairs answers with jobs. */
export type ToThread =
  | { kind: "job"; id: number; job: unknown }
  | { kind: "answer"; id: number; request: number; value: unknown }
  /** The question failed outside the thread. */
  | { kind: "unanswered"; id: number; request: number }
  | { kind: "cancel"; id: number };
export type FromThread =
  | { kind: "ready" }
  | { kind: "result"; id: number; value: unknown }
  /** @param request the question that failed, where that is why */
  | { kind: "failure"; id: number; message: string; request?: number }
  | { kind: "request"; id: number; request: number; value: unknown }
  | { kind: "notice"; id: number; value: unknown };

export type JobOptions = {
  /** Buffers that the job gives away instead of copying. */
  transfer?: readonly ArrayBuffer[];
  /**
   * Answers a question that the thread asks while it works, e.g. for an object's bytes. Where it rejects, a job that cannot
   * do without the answer rejects with the same error.
   */
  onRequest?: (request: unknown) => Promise<unknown>;
  /** Hears what the thread says without being asked, e.g. that it is done with a buffer. */
  onNotice?: (notice: unknown) => void;
  /** Tells the thread to stop; the job then ends in its own way. */
  signal?: AbortSignal;
};

type Pending = {
  id: number;
  job: unknown;
  options: JobOptions;
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
  /** Told when the signal fires; taken back when the job ends, as a signal may live on. */
  cancel?: () => void;
  /** Questions that failed, and how. */
  failures: Map<number, Error>;
};

type Thread = { worker: Worker; current: Pending | undefined };

/** A fixed number of worker threads that take jobs from one queue. Threads start when first needed. */
export class ThreadPool {
  readonly size: number;
  readonly #script: URL;
  readonly #workerData: unknown;
  readonly #youngMebibytes: number | undefined;
  readonly #threads: Thread[] = [];
  readonly #queue: Pending[] = [];
  #nextId = 0;
  #closed = false;

  /**
   * @param workerData handed to each thread when it starts
   * @param options.youngMebibytes most memory for a thread's young objects; V8's own choice, which grows with the machine,
   * where none is said. Threads whose data lie outside V8's heap need little
   */
  constructor(
    script: URL,
    size: number,
    workerData?: unknown,
    { youngMebibytes }: { youngMebibytes?: number } = {},
  ) {
    this.size = size;
    this.#script = script;
    this.#workerData = workerData;
    this.#youngMebibytes = youngMebibytes;
  }

  /** Queues a job. Rejects when the thread throws or dies: a bug or lost infrastructure, never an expected outcome. */
  run<T>(job: unknown, options: JobOptions = {}): Promise<T> {
    if (this.#closed) return Promise.reject(new Error("the pool is closed"));
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({
        id: this.#nextId++,
        job,
        options,
        resolve: resolve as (value: unknown) => void,
        reject,
        failures: new Map(),
      });
      this.#dispatch();
    });
  }

  /** Stops all threads; jobs that have not ended are rejected. */
  async close(): Promise<void> {
    this.#closed = true;
    const threads = this.#threads.splice(0);
    const open = [...this.#queue.splice(0), ...threads.flatMap((t) => (t.current ? [t.current] : []))];
    await Promise.all(threads.map((t) => t.worker.terminate()));
    for (const pending of open) pending.reject(new Error("the pool was closed"));
  }

  #dispatch(): void {
    while (this.#queue.length > 0) {
      const thread = this.#threads.find((t) => t.current === undefined) ?? this.#start();
      if (thread === undefined) return;
      this.#give(thread, this.#queue.shift() as Pending);
    }
  }

  #start(): Thread | undefined {
    if (this.#threads.length >= this.size) return undefined;
    const young = this.#youngMebibytes;
    const worker = new Worker(this.#script, {
      workerData: this.#workerData,
      ...(young === undefined ? {} : { resourceLimits: { maxYoungGenerationSizeMb: young } }),
    });
    const thread: Thread = { worker, current: undefined };
    worker.unref();
    worker.on("message", (message: FromThread) => void this.#onMessage(thread, message));
    worker.on("error", (error) => this.#onDeath(thread, error as Error));
    worker.on("exit", () => this.#onDeath(thread, new Error("a worker thread ended")));
    this.#threads.push(thread);
    return thread;
  }

  #give(thread: Thread, pending: Pending): void {
    thread.current = pending;
    thread.worker.ref();
    const { signal, transfer } = pending.options;
    const message: ToThread = { kind: "job", id: pending.id, job: pending.job };
    thread.worker.postMessage(message, [...(transfer ?? [])]);
    const cancel = (): void => {
      thread.worker.postMessage({ kind: "cancel", id: pending.id } satisfies ToThread);
    };
    pending.cancel = cancel;
    if (signal?.aborted) cancel();
    else signal?.addEventListener("abort", cancel, { once: true });
  }

  async #onMessage(thread: Thread, message: FromThread): Promise<void> {
    const pending = thread.current;
    if (message.kind === "ready" || pending === undefined || pending.id !== message.id) return;
    if (message.kind === "notice") {
      pending.options.onNotice?.(message.value);
      return;
    }
    if (message.kind === "request") {
      await this.#answer(thread, pending, message);
      return;
    }
    thread.current = undefined;
    thread.worker.unref();
    forgetSignal(pending);
    if (message.kind === "result") pending.resolve(message.value);
    else pending.reject(pending.failures.get(message.request ?? -1) ?? new Error(message.message));
    this.#dispatch();
  }

  async #answer(
    thread: Thread,
    pending: Pending,
    { id, request, value }: Extract<FromThread, { kind: "request" }>,
  ): Promise<void> {
    let answer: ToThread;
    try {
      answer = { kind: "answer", id, request, value: await pending.options.onRequest?.(value) };
    } catch (error) {
      // It failed outside the thread (a lost store, say), which decides whether it can do without.
      pending.failures.set(request, error instanceof Error ? error : new Error(String(error)));
      answer = { kind: "unanswered", id, request };
    }
    thread.worker.postMessage(answer);
  }

  #onDeath(thread: Thread, error: Error): void {
    const pending = thread.current;
    thread.current = undefined;
    this.#drop(thread);
    if (pending !== undefined) forgetSignal(pending);
    pending?.reject(error);
    if (!this.#closed) this.#dispatch();
  }

  #drop(thread: Thread): void {
    const index = this.#threads.indexOf(thread);
    if (index >= 0) this.#threads.splice(index, 1);
  }
}

function forgetSignal({ options, cancel }: Pending): void {
  if (cancel !== undefined) options.signal?.removeEventListener("abort", cancel);
}
