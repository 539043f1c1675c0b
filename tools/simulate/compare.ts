import { readFileSync } from "node:fs";
import { reference } from "./reference.ts";
import type { Scenario } from "./scenario.ts";
import { simulate } from "./simulate.ts";

/** A measured run beside what the simulator says of it, both in seconds from the first permit to the last result. */
export interface Compared {
  readonly workers: number;
  readonly replicas: number;
  readonly jobs: number;
  readonly predicted: number;
  readonly measured: number;
  /** One-minute load average of the machine while it was measured. */
  readonly load: number;
}

/** What is the same in every measured run: jobs of one grantee, all there at once, of one task and one reduction. */
const run: Scenario = {
  ...reference,
  grantees: 1,
  tasks: 1,
  reduceTasks: 1,
  spread: "fixed",
  planSeconds: 0,
  postSeconds: 0,
  blockSeconds: 0,
  maxOutstandingPerGrantee: 1_000,
  partitions: 32,
  warmUpSeconds: 0,
  untilSeconds: 100_000,
};

type QueueBench = {
  readonly parts: string;
  readonly tasksAtOnce: number;
  readonly runs: readonly {
    readonly workers: number;
    readonly replicas: number;
    readonly jobs: number;
    readonly taskSeconds: number;
    readonly aloneSeconds: number;
    readonly seconds: number;
    readonly load: number;
  }[];
};

/**
 * The runs of `npm run simulate:measure`. The simulator is told how long a task was made to last, and how long one job took
 * alone, with as many replicas: what that exceeds its two tasks by is taken for the time between two tasks of a thread.
 */
export function compareQueue(file: URL | string): { readonly parts: string; readonly runs: Compared[] } {
  const { parts, tasksAtOnce, runs } = JSON.parse(readFileSync(file, "utf8")) as QueueBench;
  const compared = runs.map(({ workers, replicas, jobs, taskSeconds, aloneSeconds, seconds, load }) => {
    const { makespanSeconds } = simulate({
      ...run,
      jobsAtOnce: jobs,
      replicas,
      taskSeconds,
      reduceSeconds: taskSeconds,
      handoverSeconds: Math.max(0, aloneSeconds / 2 - taskSeconds),
      threads: tasksAtOnce,
      scaling: { kind: "fixed", workers },
    });
    return { workers, replicas, jobs, predicted: makespanSeconds, measured: seconds, load };
  });
  return { parts, runs: compared };
}

type PlatformBench = {
  readonly rows: readonly { readonly what: string; readonly value: number; readonly load: number }[];
  readonly details: Readonly<Record<string, { readonly computeSecondsPerJob: number } | undefined>>;
};

/**
 * The runs of `npm run bench:platform` with many jobs at once, where all workers and services share one machine's
 * processors. The simulator is told, of the run with one worker, what a job computes and how many were done in a minute, which
 * says how much of the processors is left for workers; it says what more workers give.
 */
export function comparePlatform(file: URL | string): Compared[] {
  const { rows, details } = JSON.parse(readFileSync(file, "utf8")) as PlatformBench;
  const runs = rows.flatMap(({ what, value, load }) => {
    const found = /^jobs per minute, (\d+) at once, (\d+) workers?, (\d+) replicas?$/.exec(what);
    if (found === null) return [];
    const [jobs = 0, workers = 0, replicas = 0] = found.slice(1).map(Number);
    return [{ jobs, workers, replicas, measured: (60 * jobs) / value, secondsPerJob: 60 / value, load }];
  });
  return runs.flatMap(({ jobs, workers, replicas, measured, load }) => {
    const one = runs.find((each) => each.workers === 1 && each.replicas === replicas);
    const computed =
      details[`jobs, 1 worker, ${replicas} replica${replicas > 1 ? "s" : ""}`]?.computeSecondsPerJob;
    if (one === undefined || computed === undefined) return [];
    const { makespanSeconds } = simulate({
      ...run,
      jobsAtOnce: jobs,
      replicas,
      taskSeconds: (0.8 * computed) / replicas,
      reduceSeconds: (0.2 * computed) / replicas,
      handoverSeconds: 0,
      cores: computed / one.secondsPerJob,
      scaling: { kind: "fixed", workers },
    });
    return [{ workers, replicas, jobs, predicted: makespanSeconds, measured, load }];
  });
}
