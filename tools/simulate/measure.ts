/**
 * `npm run simulate:measure [-- --seconds 2 --jobs 40 --json docs/bench/queue.json]`: the real orchestrator, queue and store
 * with 1, 2 and 4 workers whose tasks take a set time instead of a processor, so that what is measured is the queue and not
 * how busy this machine is. On Kafka and Postgres where `COS_PARTS_KAFKA` and `COS_PARTS_POSTGRES` name them
 * (`npm run parts -- --only kafka,postgres --once npm run simulate:measure`), on their embedded twins otherwise.
 */
import { writeFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { tinyDataset } from "@cos/programs/tiny-dataset";
import { embeddedParts, realParts } from "../../services/orchestrator/test/platform-parts.ts";
import { startPlatform } from "../../services/orchestrator/test/test-platform.ts";
import { readOptions } from "../command-line.ts";

const values = readOptions(
  `npm run simulate:measure [-- options]

Measures the real orchestrator, queue and store with workers whose tasks take a set time.

  --seconds N       of a task (2)
  --jobs N          (40)
  --workers LIST    (1,2,4)
  --replicas LIST   (1,2)
  --json FILE       (out/bench-queue.json)

COS_PARTS_KAFKA and COS_PARTS_POSTGRES name real parts; their embedded twins are measured otherwise.`,
  {
    seconds: { type: "string", default: "2" },
    jobs: { type: "string", default: "40" },
    workers: { type: "string", default: "1,2,4" },
    replicas: { type: "string", default: "1,2" },
    json: { type: "string", default: "out/bench-queue.json" },
  },
  ["jobs", "workers", "replicas"],
);
const taskSeconds = Number(values.seconds);
const jobs = Number(values.jobs);

const { COS_PARTS_KAFKA: kafka, COS_PARTS_POSTGRES: postgres } = process.env;
const isReal = kafka !== undefined && postgres !== undefined;
const dataset = await tinyDataset();
const runs: object[] = [];
for (const replicas of values.replicas.split(",").map(Number)) {
  for (const workers of values.workers.split(",").map(Number)) {
    if (workers < replicas) continue; // one worker does not vouch twice
    const run = { workers, replicas, jobs, taskSeconds, ...(await measure(workers, replicas)) };
    runs.push(run);
    console.log(JSON.stringify(run));
  }
}
const about = {
  bench: "queue",
  parts: isReal ? "Kafka and Postgres" : "embedded",
  tasks: 1,
  reduceTasks: 1,
  tasksAtOnce: 2,
};
const machine = { cores: availableParallelism(), node: process.version };
writeFileSync(
  values.json,
  `${JSON.stringify({ ...about, measuredAt: new Date().toISOString().slice(0, 10), machine, runs }, null, 2)}\n`,
);
process.exit();

/** Seconds that a job takes alone; then, of all at once, from the first permit to each quarter's and the last completion. */
async function measure(workers: number, replicas: number) {
  const parts = isReal
    ? realParts(postgres as string, kafka as string)
    : embeddedParts({ duplicateDeliveries: false });
  const platform = await startPlatform(dataset, { parts, config: { maxOutstandingPerGrantee: 1_000 } });
  try {
    const hold = () => delay(taskSeconds * 1_000).then(() => "go on" as const);
    for (let at = 0; at < workers; at += 1) await platform.addWorker({ hold });
    const singles = 4;
    const alone: number[] = [];
    for (let at = 1; at <= singles; at += 1) {
      const from = performance.now();
      await platform.issue({ replicas });
      await completed(platform, at);
      alone.push((performance.now() - from) / 1_000);
    }
    // The first warms everything up.
    const aloneSeconds = alone.slice(1).reduce((sum, each) => sum + each, 0) / (singles - 1);
    const began = performance.now();
    for (let at = 0; at < jobs; at += 1) await platform.issue({ replicas });
    const quarters: number[] = [];
    for (const share of [0.25, 0.5, 0.75, 1]) {
      await completed(platform, singles + Math.ceil(share * jobs));
      quarters.push((performance.now() - began) / 1_000);
    }
    return { aloneSeconds, quarters, seconds: quarters[3] ?? Number.NaN, load: loadavg()[0] ?? 0 };
  } finally {
    await platform.dispose();
  }
}

/** Waits until so many jobs are completed. */
async function completed({ db }: Awaited<ReturnType<typeof startPlatform>>, count: number): Promise<void> {
  for (;;) {
    const { rows } = await db.query<{ n: bigint }>("SELECT count(*) AS n FROM job WHERE state = 'COMPLETED'");
    if (Number(rows[0]?.n) >= count) return;
    await delay(50);
  }
}
