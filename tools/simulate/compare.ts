import { readFileSync } from "node:fs";
import { reference } from "./reference.ts";
import { simulate } from "./simulate.ts";

/** A measured run beside what the simulator says of it. Jobs a minute. */
export interface Compared {
  readonly workers: number;
  readonly replicas: number;
  readonly together: number;
  readonly measured: number;
  readonly predicted: number;
  readonly load: number;
}

type PlatformBench = {
  readonly machine: { readonly cores: number };
  readonly rows: readonly { readonly what: string; readonly value: number; readonly load: number }[];
  readonly details: Readonly<
    Record<
      string,
      { readonly overheads: readonly number[]; readonly computeSecondsPerJob: number } | undefined
    >
  >;
};

/**
 * The runs of `npm run bench:platform` with jobs that are there at once. The simulator is told the machine's cores and, of
 * the run with one worker, what a job computes, how long it takes alone and how many were done in a minute (which says how much of the
 * cores the services themselves take); it then says what more workers give.
 */
export function compareWith(file: URL | string): Compared[] {
  const { machine, rows, details } = JSON.parse(readFileSync(file, "utf8")) as PlatformBench;
  const runs = rows.flatMap(({ what, value, load }) => {
    const found = /^jobs per minute, (\d+) at once, (\d+) workers?, (\d+) replicas?$/.exec(what);
    if (found === null) return [];
    const [together = 0, workers = 0, replicas = 0] = found.slice(1).map(Number);
    return [{ together, workers, replicas, measured: value, load }];
  });
  return runs.flatMap((run) => {
    const one = runs.find(({ workers, replicas }) => workers === 1 && replicas === run.replicas);
    const detail = details[`jobs, 1 worker, ${run.replicas} replica${run.replicas > 1 ? "s" : ""}`];
    if (one === undefined || detail === undefined) return [];
    return [{ ...run, predicted: predict(run, one.measured, detail, machine.cores) }];
  });
}

function predict(
  run: { readonly together: number; readonly workers: number; readonly replicas: number },
  jobsPerMinuteOfOne: number,
  {
    overheads,
    computeSecondsPerJob,
  }: { readonly overheads: readonly number[]; readonly computeSecondsPerJob: number },
  cores: number,
): number {
  const perReplica = computeSecondsPerJob / run.replicas;
  const sorted = [...overheads].sort((a, b) => a - b);
  const alone = sorted[Math.ceil(sorted.length / 2) - 1] ?? 0;
  // One worker uses one core; what a job takes beyond its computing is the services' own work, on the same cores.
  const servicesPerJob = Math.max(0, (60 / jobsPerMinuteOfOne - computeSecondsPerJob) / 1);
  const coresForWorkers = cores / (1 + servicesPerJob / computeSecondsPerJob);
  const { makespanSeconds } = simulate({
    ...reference,
    spread: "fixed",
    jobsAtOnce: run.together,
    grantees: 1,
    tasks: 1,
    reduceTasks: 1,
    replicas: run.replicas,
    taskSeconds: perReplica * 0.8,
    reduceSeconds: perReplica * 0.2,
    handoverSeconds: 0.02,
    planSeconds: alone / 2,
    postSeconds: alone / 2,
    blockSeconds: 0,
    cores: coresForWorkers,
    scaling: { kind: "fixed", workers: run.workers },
    maxOutstandingPerGrantee: 1_000,
    warmUpSeconds: 0,
    untilSeconds: 10_000,
  });
  return (60 * run.together) / makespanSeconds;
}
