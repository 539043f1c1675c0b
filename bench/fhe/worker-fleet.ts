import { type ChildProcess, fork } from "node:child_process";
import { type Plan, planDigestOf, taskSpec, taskSpecBytes } from "@cos/programs";
import type { ObjectRef } from "@cos/protocol";
import type { FromWorker, ToWorker, WorkerSetup } from "./worker-process.ts";

/** How one job went. Seconds are from the first task given out to the last one done; nothing is counted that processes do once. */
export type JobTimes = {
  evaluateSeconds: number;
  reduceSeconds: number;
  bytesRead: number;
  /** Processor time of all processes, evaluation alone. */
  evaluateCpuSeconds: number;
  /** Of the largest process until it reduced, bytes; and after that. */
  peakEvaluateBytes: number;
  peakReduceBytes: number;
  result: ObjectRef;
};

/** Worker processes that take a plan's tasks from one queue, each as many as its threads and one more, as from Kafka. */
export class WorkerFleet {
  readonly setup: WorkerSetup;
  readonly #processes: ChildProcess[];
  readonly #waiting = new Map<number, (done: Extract<FromWorker, { kind: "done" }>) => void>();
  readonly #cpuSeconds = new Map<ChildProcess, number>();
  #nextId = 0;
  /** The largest process, bytes. */
  peakResidentBytes = 0;
  engine = "";

  private constructor(setup: WorkerSetup, processes: ChildProcess[]) {
    this.setup = setup;
    this.#processes = processes;
  }

  /**
   * Starts processes and has each thread run one task, so that code is compiled and connections stand.
   * @param cores processors that they may use, the same for all; all of them when null
   */
  static async start(
    processes: number,
    setup: WorkerSetup,
    plan: Plan,
    cores: number | null,
  ): Promise<WorkerFleet> {
    const script = new URL("./worker-process.ts", import.meta.url);
    const started = Array.from({ length: processes }, () =>
      fork(script, [JSON.stringify(setup)], onCores(cores)),
    );
    const fleet = new WorkerFleet(setup, started);
    await Promise.all(
      started.map((child) => {
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        child.on("message", (message: FromWorker) => {
          if (message.kind === "ready") {
            fleet.engine = message.engine;
            resolve();
            return;
          }
          fleet.#cpuSeconds.set(child, message.cpuSeconds);
          fleet.peakResidentBytes = Math.max(fleet.peakResidentBytes, message.peakResidentBytes);
          fleet.#waiting.get(message.id)?.(message);
        });
        child.once("exit", (code) => {
          reject(new Error(`a worker process ended (${code})`));
          if (code !== 0) throw new Error(`a worker process ended (${code})`);
        });
        return promise;
      }),
    );
    const digest = planDigestOf(plan);
    for (const child of started) {
      await Promise.all(Array.from({ length: setup.threads }, () => fleet.#run(child, plan, digest, 0)));
    }
    return fleet;
  }

  async runJob(plan: Plan): Promise<JobTimes> {
    const digest = planDigestOf(plan);
    const evaluated = plan.tasks.filter(({ kind }) => kind === "evaluate").map(({ index }) => index);
    const queue = evaluated.values();
    const outputs = new Map<number, ObjectRef>();
    let bytesRead = 0;
    const cpuBefore = this.#cpuOfAll();
    const from = performance.now();
    const consume = async (child: ChildProcess) => {
      for (const index of queue) {
        const done = await this.#run(child, plan, digest, index);
        outputs.set(index, done.output);
        bytesRead += done.bytesRead;
      }
    };
    const inFlight = Array.from({ length: this.setup.threads + 1 });
    await Promise.all(this.#processes.flatMap((child) => inFlight.map(() => consume(child))));
    const evaluatedAt = performance.now();
    const evaluateCpuSeconds = this.#cpuOfAll() - cpuBefore;
    const peakEvaluateBytes = this.peakResidentBytes;
    const partials = evaluated.map((index) => outputs.get(index) as ObjectRef);
    const last = await this.#run(
      this.#processes[0] as ChildProcess,
      plan,
      digest,
      plan.tasks.length - 1,
      partials,
    );
    return {
      evaluateSeconds: (evaluatedAt - from) / 1e3,
      reduceSeconds: (performance.now() - evaluatedAt) / 1e3,
      bytesRead,
      evaluateCpuSeconds,
      peakEvaluateBytes,
      peakReduceBytes: this.peakResidentBytes,
      result: last.output,
    };
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#processes.map(
        (child) =>
          new Promise<void>((resolve) => {
            child.once("exit", () => resolve());
            child.disconnect();
          }),
      ),
    );
  }

  #cpuOfAll(): number {
    return [...this.#cpuSeconds.values()].reduce((sum, seconds) => sum + seconds, 0);
  }

  #run(
    child: ChildProcess,
    plan: Plan,
    digest: ReturnType<typeof planDigestOf>,
    index: number,
    partials: ObjectRef[] = [],
  ): Promise<Extract<FromWorker, { kind: "done" }>> {
    const { promise, resolve } = Promise.withResolvers<Extract<FromWorker, { kind: "done" }>>();
    const id = this.#nextId++;
    this.#waiting.set(id, (done) => {
      this.#waiting.delete(id);
      resolve(done);
    });
    const taskJson = new TextDecoder().decode(taskSpecBytes(taskSpec(plan, digest, index)));
    child.send({ id, taskJson, partials } satisfies ToWorker);
    return promise;
  }
}

/** Linux lets a process be held to some processors. */
/** As the chart starts workers. */
const workerFlags = ["--max-semi-space-size=2"];

const onCores = (cores: number | null) =>
  cores === null || process.platform !== "linux"
    ? { execArgv: workerFlags }
    : { execPath: "taskset", execArgv: ["--cpu-list", `0-${cores - 1}`, process.execPath, ...workerFlags] };
