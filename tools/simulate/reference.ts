import { readFileSync } from "node:fs";
import type { Scenario } from "./scenario.ts";

/** Read of ciphertext by one evaluator thread that computes, bytes a second, and where the figure comes from. */
export interface ReadRate {
  readonly bytesPerSecond: number;
  readonly source: string;
}

type FheBench = {
  readonly measuredAt: string;
  readonly pipeline: {
    readonly figures: readonly {
      readonly source: string;
      readonly processes: number;
      readonly threadsPerProcess: number;
      readonly phenotype?: string;
      readonly bytesPerSecond: number;
    }[];
  };
};

/**
 * The rate that `npm run bench:fhe` measured with one worker of one thread from files, for an allelic test of a phenotype that
 * everybody has; a stated guess where it did not.
 */
export function measuredReadRate(file: URL): ReadRate {
  try {
    const { measuredAt, pipeline } = JSON.parse(readFileSync(file, "utf8")) as FheBench;
    const rates = pipeline.figures
      .filter(
        ({ source, processes, threadsPerProcess, phenotype = "complete" }) =>
          source === "directory" && processes * threadsPerProcess === 1 && phenotype === "complete",
      )
      .map(({ bytesPerSecond }) => bytesPerSecond);
    const most = Math.max(...rates);
    if (Number.isFinite(most))
      return { bytesPerSecond: most, source: `docs/bench/fhe.json of ${measuredAt}, native engine` };
  } catch {
    // No measurement here: the guess says so.
  }
  return { bytesPerSecond: 300e6, source: "a guess: docs/bench/fhe.json is not there" };
}

/**
 * What a region is like where nothing else is said: the planner's 64 tasks a job, a task of 10 s, each by two workers;
 * the services' own settings; a chain with a block each 12 s.
 */
export const reference: Scenario = {
  seed: 2026,
  jobsPerSecond: 0,
  grantees: 20,
  tasks: 64,
  reduceTasks: 1,
  replicas: 2,
  taskSeconds: 10,
  reduceSeconds: 5,
  spread: { cv: 0.3 },
  handoverSeconds: 0.05,
  planSeconds: 1,
  postSeconds: 1,
  blockSeconds: 12,
  confirmations: 0,
  scaling: { kind: "fixed", workers: 1 },
  threads: 1,
  cores: Infinity,
  partitions: Infinity,
  queuePerSlot: 4,
  minQueueDepth: 16,
  maxOutstandingPerGrantee: 64,
  dispatchPerSecond: Infinity,
  readBytesPerSecond: 300e6,
  storeBytesPerSecond: Infinity,
  warmUpSeconds: 300,
  untilSeconds: 1_500,
  patienceSeconds: 1_200,
};

/** Jobs a second that keep `workers` threads busy all the time, were there no waiting. */
export const fullLoad = (scenario: Scenario, threads: number): number => {
  const { tasks, taskSeconds, reduceTasks, reduceSeconds, replicas, handoverSeconds } = scenario;
  const perJob =
    replicas * (tasks * (taskSeconds + handoverSeconds) + reduceTasks * (reduceSeconds + handoverSeconds));
  return threads / perJob;
};
