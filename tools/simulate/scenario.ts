import type { Spread } from "./random.ts";

/** How many workers there are: a fixed number, or as KEDA and the HPA that it makes decide on lag. */
export type Scaling =
  | { readonly kind: "fixed"; readonly workers: number }
  | {
      readonly kind: "keda";
      readonly maxWorkers: number;
      /** Outstanding tasks for each worker. */
      readonly lagThreshold: number;
      /** Lag above which a region at zero wakes. */
      readonly activationLag: number;
      readonly pollingSeconds: number;
      /** Without lag for so long, the last worker goes, too. */
      readonly cooldownSeconds: number;
      /** Fewer workers must be enough for so long. */
      readonly stabilisationSeconds: number;
      /** From the decision until the worker takes tasks: node, image, process, its share of the partitions. */
      readonly startSeconds: number;
    };

/**
 * One region under load. Times in seconds; rates per second. `Infinity` takes a bound away.
 */
export interface Scenario {
  readonly seed: number;
  /** Jobs in a second; their gaps are memoryless. With `jobsAtOnce` there are that many at time 0 and no more. */
  readonly jobsPerSecond: number;
  readonly jobsAtOnce?: number;
  /** Jobs belong to so many grantees, each equally likely. */
  readonly grantees: number;
  /** Tasks of a job's first stage, and of its second, which begins when the first is done. */
  readonly tasks: number;
  readonly reduceTasks: number;
  /** Workers that evaluate each task. */
  readonly replicas: number;
  readonly taskSeconds: number;
  readonly reduceSeconds: number;
  readonly spread: Spread;
  /** Between two tasks of one thread: complete, next message, begin. */
  readonly handoverSeconds: number;
  /** From the permit until its tasks wait. */
  readonly planSeconds: number;
  /** From the last task until the result's transaction is sent. */
  readonly postSeconds: number;
  /** Time between blocks; 0: a result needs no block. */
  readonly blockSeconds: number;
  /** Blocks on top of the result's before it counts. */
  readonly confirmations: number;
  readonly scaling: Scaling;
  /** Tasks that a worker computes at once. */
  readonly threads: number;
  /** Processors that all workers share; tasks slow down where more run. */
  readonly cores: number;
  /** Partitions of the region's topic: tasks in hand at most, because a partition's are handled one by one. */
  readonly partitions: number;
  readonly queuePerSlot: number;
  readonly minQueueDepth: number;
  readonly maxOutstandingPerGrantee: number;
  /** Task replicas that the orchestrator can hand out in a second. */
  readonly dispatchPerSecond: number;
  /** Ciphertext that one task reads while it computes, bytes a second. */
  readonly readBytesPerSecond: number;
  /** What the object store gives to all workers together, bytes a second. */
  readonly storeBytesPerSecond: number;
  /** Jobs that come before this are not looked at. */
  readonly warmUpSeconds: number;
  /** Jobs come until then; what is unfinished `patienceSeconds` later counts as never finished. */
  readonly untilSeconds: number;
  readonly patienceSeconds: number;
}

/** What came of it. Means are over time, from `warmUpSeconds` to `untilSeconds`. */
export interface Outcome {
  /** Of jobs that came in that time: seconds from permit to result on chain, rising; `Infinity` where unfinished. */
  readonly latencies: Float64Array;
  readonly meanRunning: number;
  readonly meanWorkers: number;
  readonly mostWorkers: number;
  readonly meanLag: number;
  readonly mostLag: number;
  readonly tasksPerSecond: number;
  readonly readBytesPerSecond: number;
  /** From the first job to the last result. */
  readonly makespanSeconds: number;
  /** When so many workers took tasks first; `Infinity`: never. */
  readonly reachedAt: (workers: number) => number;
}

/** The value that `share` of the rising values do not exceed; NaN of none. */
export const percentile = (rising: Float64Array, share: number): number =>
  rising[Math.max(0, Math.ceil(share * rising.length) - 1)] ?? Number.NaN;

export const mean = (values: Float64Array): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
