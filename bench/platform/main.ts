import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { readOptions } from "../../tools/command-line.ts";
import { benchBytes } from "./bytes.ts";
import { benchMessages, benchMirror } from "./child-benches.ts";
import { benchJobs } from "./jobs.ts";
import { Report } from "./report.ts";
import { raiseStage } from "./stage.ts";
import { benchTickets } from "./tickets.ts";

/**
 * `npm run bench:platform`: what the platform does in a second on real parts, each number beside what this machine gives
 * at best. `--quick` shows that the bench runs, not what it measures. Ends with 0 when every number could be measured.
 */
const values = readOptions(
  `npm run bench:platform [-- options]

Measures what the platform does in a second on real parts, each number beside what this machine gives at best.

  --quick           shows that the bench runs, not what it measures
  --only LIST       some of: jobs, tickets, bytes, messages, mirror
  --workers LIST    (1,2,4)
  --replicas LIST   (1,2)
  --single N        jobs that come one by one, for each number of workers and replicas (25)
  --together N      jobs that come at once (40)
  --json FILE       (out/bench-platform.json)
  --keep            leaves the processes' logs`,
  {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    workers: { type: "string", default: "1,2,4" },
    replicas: { type: "string", default: "1,2" },
    single: { type: "string", default: "25" },
    together: { type: "string", default: "40" },
    json: { type: "string", default: join("out", "bench-platform.json") },
    keep: { type: "boolean", default: false },
  },
  ["workers", "replicas", "single", "together"],
);
const { quick } = values;
const wanted = values.only?.split(",") ?? ["jobs", "tickets", "bytes", "messages", "mirror"];
const startedAt = performance.now();
const say = (line: string): void => {
  process.stdout.write(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(7)} s  ${line}\n`);
};

const report = new Report();
const folder = await mkdtemp(join(tmpdir(), "cos-bench-platform-"));
const stage = await raiseStage(folder, {
  workers: quick ? 1 : Math.max(...numbers(values.workers)),
  people: 240,
});
try {
  say(
    `${Object.entries(stage.parts.versions)
      .map((part) => part.join(" "))
      .join(", ")}; a dataset is published`,
  );
  const only = async (what: string, bench: () => Promise<void>): Promise<void> => {
    if (!wanted.includes(what)) return;
    await bench();
    say(`${what}: done`);
  };
  await only("tickets", () => benchTickets(stage, report, { count: quick ? 200 : 6_000 }));
  await only("bytes", () =>
    benchBytes(stage, report, quick ? { mebibytes: 4, repeat: 1 } : { mebibytes: 48, repeat: 6 }),
  );
  await only("jobs", async () => {
    await stage.blocksEachSecond();
    await benchJobs(
      stage,
      report,
      quick
        ? { workers: [1], replicas: [1], single: 2, together: 4 }
        : {
            workers: numbers(values.workers),
            replicas: numbers(values.replicas),
            single: Number(values.single),
            together: Number(values.together),
          },
    );
  });
  await stage.fleet.stop();
  await only("messages", () => benchMessages(stage, report, { folder, messages: quick ? 2_000 : 100_000 }));
  await only("mirror", () => benchMirror(stage, report, { folder, permits: quick ? 100 : 9_100 }));
  report.print();
  await mkdir(dirname(values.json), { recursive: true });
  await report.write(values.json, { quick, parts: stage.parts.versions });
  say(`numbers are in ${values.json}`);
} finally {
  await stage.stop();
  if (values.keep) say(`logs are kept in ${folder}`);
  else await rm(folder, { recursive: true, force: true });
}
process.exit();

function numbers(list: string): number[] {
  return list.split(",").map(Number);
}
