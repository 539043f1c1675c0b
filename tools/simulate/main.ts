/**
 * `npm run simulate`: what keeps a job-latency objective at 10, 1,000 and 10,000 workers: load, partitions, lag target; what
 * store, broker and orchestrator must deliver for it; and, where the platform was measured, predictions beside measurements.
 * The text of docs/capacity.md explains the columns.
 */
import { existsSync } from "node:fs";
import { readOptions } from "../command-line.ts";
import { type Compared, comparePlatform, compareQueue } from "./compare.ts";
import { fewestPartitions, heaviestLoad, needsOf, tryThresholds } from "./plan-capacity.ts";
import { measuredReadRate, reference } from "./reference.ts";
import { percentile, type Scenario } from "./scenario.ts";
import { printTable } from "./table.ts";

const values = readOptions(
  `npm run simulate [-- options]

Prints what keeps a job-latency objective, for your numbers; docs/capacity.md explains the columns.

  --workers LIST              (10,1000,10000)
  --objective SECONDS         for 95 of 100 jobs (600)
  --tasks N                   of a job (${reference.tasks})
  --task-seconds SECONDS      (${reference.taskSeconds})
  --replicas N                (${reference.replicas})
  --threads N                 of a worker (1)
  --block-seconds SECONDS     (${reference.blockSeconds})
  --start-seconds SECONDS     until a new worker takes tasks (45)
  --read-bytes-per-second N   of a worker; what was measured otherwise
  --grantees N
  --seed N                    (${reference.seed})`,
  {
    workers: { type: "string", default: "10,1000,10000" },
    objective: { type: "string", default: "600" },
    tasks: { type: "string", default: `${reference.tasks}` },
    "task-seconds": { type: "string", default: `${reference.taskSeconds}` },
    replicas: { type: "string", default: `${reference.replicas}` },
    threads: { type: "string", default: "1" },
    "block-seconds": { type: "string", default: `${reference.blockSeconds}` },
    "start-seconds": { type: "string", default: "45" },
    "read-bytes-per-second": { type: "string" },
    grantees: { type: "string" },
    seed: { type: "string", default: `${reference.seed}` },
  },
);

const number = (name: string, text: string): number => {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  console.error(`--${name} is a number above 0, not '${text}'`);
  process.exit(2);
};

const began = performance.now();
const objective = number("objective", values.objective);
const measured = measuredReadRate(new URL("../../docs/bench/fhe.json", import.meta.url));
const asked = values["read-bytes-per-second"];
const rate =
  asked === undefined
    ? measured
    : { bytesPerSecond: number("read-bytes-per-second", asked), source: "as asked" };
const startSeconds = number("start-seconds", values["start-seconds"]);
const fleets = values.workers.split(",").map((text) => number("workers", text));

const base: Scenario = {
  ...reference,
  seed: number("seed", values.seed),
  tasks: number("tasks", values.tasks),
  taskSeconds: number("task-seconds", values["task-seconds"]),
  replicas: number("replicas", values.replicas),
  threads: number("threads", values.threads),
  blockSeconds: number("block-seconds", values["block-seconds"]),
  readBytesPerSecond: rate.bytesPerSecond,
};

console.log(
  `${base.tasks} tasks of ${base.taskSeconds} s a job, each by ${base.replicas} workers of ${base.threads} thread(s); ` +
    `a thread reads ${mega(rate.bytesPerSecond)} MB/s (${rate.source}).\n` +
    `Objective: 95 of 100 jobs on chain within ${objective} s of their permit; a block each ${base.blockSeconds} s.\n`,
);

const carried = fleets.map((workers) => {
  // A grantee has 64 tasks out at most: a large fleet is kept busy by many, or by a higher bound.
  const grantees = values.grantees
    ? number("grantees", values.grantees)
    : Math.max(20, Math.ceil(workers / 5));
  const scenario: Scenario = { ...base, grantees, ...lookAt(workers) };
  return { workers, scenario, load: heaviestLoad(scenario, workers, objective) };
});

printTable(
  "What a fixed fleet carries",
  ["workers", "jobs/h", "of full load", "p50 s", "p95 s", "partitions at least", "lag (mean)"],
  carried.map(({ workers, scenario, load }) =>
    load === undefined
      ? [workers, "none", "", "", "", "", ""]
      : [
          workers,
          Math.round(3_600 * load.jobsPerSecond),
          load.share,
          Math.round(percentile(load.outcome.latencies, 0.5)),
          Math.round(percentile(load.outcome.latencies, 0.95)),
          fewestPartitions(scenario, workers, load, objective),
          Math.round(load.outcome.meanLag),
        ],
  ),
);

printTable(
  `Asleep, then 0.8 of that load from one moment on (KEDA; ${startSeconds} s until a new worker takes tasks)`,
  ["workers at most", "lag target", "objective", "p50 s", "p95 s", "workers (mean)", "half of them after s"],
  carried.flatMap(({ workers, scenario, load }) =>
    load === undefined
      ? []
      : tryThresholds(scenario, workers, 0.8 * load.jobsPerSecond, objective, [1, 2, 3, 4], startSeconds).map(
          ({ lagThreshold, outcome, isKept }) => [
            workers,
            lagThreshold,
            isKept ? "kept" : "missed",
            Math.round(percentile(outcome.latencies, 0.5)),
            Math.round(percentile(outcome.latencies, 0.95)),
            Math.round(outcome.meanWorkers),
            Math.round(outcome.reachedAt(Math.ceil(0.5 * workers))),
          ],
        ),
  ),
);

printTable(
  "What other parts must deliver for the first table's load, a second",
  [
    "workers",
    "store GB",
    "store requests",
    "task messages",
    "orchestrator calls",
    "heartbeats",
    "chain gas, M",
  ],
  carried.flatMap(({ workers, load }) => {
    if (load === undefined) return [];
    const { storeBytes, storeRequests, taskMessages, orchestratorCalls, heartbeats, gas } = needsOf(load);
    return [
      [
        workers,
        (storeBytes / 1e9).toFixed(1),
        Math.round(storeRequests),
        taskMessages.toFixed(1),
        orchestratorCalls.toFixed(1),
        Math.round(heartbeats),
        (gas / 1e6).toFixed(2),
      ],
    ];
  }),
);

const bench = (name: string) => new URL(`../../docs/bench/${name}`, import.meta.url);
if (existsSync(bench("queue.json"))) {
  const { parts, runs } = compareQueue(bench("queue.json"));
  printCompared(
    `The real queue (${parts}) with workers whose tasks take a set time, seconds to the last of the jobs`,
    runs,
  );
} else
  console.log("The queue was not measured here: npm run simulate:measure -- --json docs/bench/queue.json\n");
if (existsSync(bench("platform.json"))) {
  printCompared(
    "The whole platform on one machine's processors, seconds to the last of the jobs",
    comparePlatform(bench("platform.json")),
  );
} else
  console.log(
    "The platform was not measured here: npm run bench:platform -- --only jobs --json docs/bench/platform.json\n",
  );
console.log(`${((performance.now() - began) / 1000).toFixed(1)} s`);

function printCompared(title: string, runs: readonly Compared[]): void {
  printTable(
    title,
    ["workers", "replicas", "jobs", "predicted s", "measured s", "predicted / measured", "load average"],
    runs.map(({ workers, replicas, jobs, predicted, measured: seen, load }) => [
      workers,
      replicas,
      jobs,
      predicted.toFixed(1),
      seen.toFixed(1),
      (predicted / seen).toFixed(2),
      load.toFixed(1),
    ]),
  );
}

/** A small fleet is looked at for longer, so that there are enough jobs to speak of percentiles. */
function lookAt(workers: number): Pick<Scenario, "warmUpSeconds" | "untilSeconds"> {
  if (workers <= 50) return { warmUpSeconds: 3_600, untilSeconds: 200_000 };
  return workers <= 2_000
    ? { warmUpSeconds: 600, untilSeconds: 3_600 }
    : { warmUpSeconds: 300, untilSeconds: 1_200 };
}

function mega(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
