import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { readOptions } from "../../tools/command-line.ts";
import { auditChain, auditMoney, auditObjects, auditRows, type Finding } from "./audit.ts";
import { injectFaults } from "./inject.ts";
import { chainState, issueJob, type RunJob, untilEnded } from "./jobs.ts";
import { pick, seededRandom } from "./random.ts";
import { printTables } from "./report.ts";
import { faultSchedule } from "./schedule.ts";
import { raiseStage } from "./stage.ts";
import { stubborn } from "./stubborn.ts";
import { openAndCompare, setUpWorld } from "./study.ts";

/**
 * `npm run faults`: the whole platform as processes on real parts, jobs running, and everything shot at from a seeded
 * plan. Ends with 0 only when every rule of the audit holds.
 */
const values = readOptions(
  `npm run faults [-- options]

Runs jobs on the whole platform and shoots at everything from a seeded plan; ends with 0 when every rule of the audit holds.

  --jobs N      (300)
  --seed N      of the plan (1)
  --every N     mean seconds between faults (4)
  --minutes N   after which the run is a failure whatever it was doing (25)
  --depth N     confirmations (2)
  --out FILE    where the report goes, as JSON
  --keep        leaves the processes' logs`,
  {
    jobs: { type: "string", default: "300" },
    seed: { type: "string", default: "1" },
    every: { type: "string", default: "4" },
    minutes: { type: "string", default: "25" },
    depth: { type: "string", default: "2" },
    out: { type: "string" },
    keep: { type: "boolean", default: false },
  },
  ["jobs", "seed", "depth"],
);
const jobsWanted = Number(values.jobs);
const seed = Number(values.seed);
const depth = Number(values.depth);
const endMs = performance.now() + Number(values.minutes) * 60_000;
const researchers = 3;
const startedAt = performance.now();
const say = (line: string): void => {
  process.stdout.write(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(7)} s  ${line}\n`);
};

const folder = await mkdtemp(join(tmpdir(), "cos-faults-"));
say(`seed ${seed}, ${jobsWanted} jobs, files in ${folder}`);
const stage = await raiseStage(folder, depth);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => void stage.stop().finally(() => process.exit(130)));
}
let failed = true;
try {
  const versions = Object.entries(stage.parts).map(([name, { version }]) => `${name} ${version}`);
  say(`parts are up: ${versions.join(", ")}; ${stage.fleet.processes.size} processes`);
  const world = await setUpWorld(stage.fleet, join(folder, "world"), researchers);
  say("two datasets are published, three researchers have grants and money");

  const random = seededRandom(seed);
  const stop = new AbortController();
  const names = [...stage.fleet.processes.keys()];
  const injecting = injectFaults(
    stage,
    faultSchedule({
      random,
      services: names.filter((name) => !name.startsWith("worker")),
      workers: names.filter((name) => name.startsWith("worker")),
      depth,
      everyMs: Number(values.every) * 1_000,
    }),
    { random: seededRandom(seed + 1), stop: stop.signal, say },
  );

  const jobs: RunJob[] = [];
  let retries = 0;
  const choices = seededRandom(seed + 2);
  const grounds = await Promise.all(
    Array.from({ length: researchers }, async (_, researcher) => [
      await world.ground(researcher, 0, jobsWanted),
      await world.ground(researcher, 1, jobsWanted),
    ]),
  );
  let ordered = 0;
  const accepted = (state: string) => state !== "NONE" && state !== "ISSUED" && state !== "POSTED";
  const researcherWorks = async (researcher: number): Promise<void> => {
    while (ordered < jobsWanted && performance.now() < endMs) {
      const mine = jobs.filter(({ ground }) => ground.scene === world.scenes[researcher]);
      const states = await Promise.all(
        mine
          .slice(-8)
          .map((job) => chainState(job.ground.scene.researcher.client, job.permitId).catch(() => "NONE")),
      );
      if (states.filter((state) => !accepted(state)).length >= 6) {
        await delay(200);
        continue;
      }
      const number = ordered++;
      // One job in fifteen stands on a grant of its own, which the owner takes back while it runs.
      const revoked = number % 15 === 7;
      const ground = revoked
        ? await stubborn(() => world.ground(researcher, number % 2, 1), { untilMs: endMs })
        : pick(choices, grounds[researcher] ?? []);
      const issued = await issueJob(ground, endMs);
      retries += issued.retries;
      jobs.push({ permitId: issued.permitId, ground, revoked, issuedAtMs: performance.now() });
      if (revoked) await stubborn(() => world.revoke(ground), { untilMs: endMs });
      if (jobs.length % 25 === 0) say(`${jobs.length} permits issued`);
    }
  };
  await Promise.all(Array.from({ length: researchers }, (_, i) => researcherWorks(i)));
  say(`${jobs.length} permits issued; faults go on until their results are accepted`);
  const accept = await untilEnded(jobs, { untilMs: endMs, isEnd: accepted });
  stop.abort();
  const tally = await injecting;
  say(
    `faults are over; ${accept.left.length} jobs without a result yet, ${accept.reissued} permits sent again after reorganisations`,
  );

  const isEnd = (state: string) => state === "REFUNDED" || state === "LAPSED" || state === "RELEASED";
  const ended = await untilEnded(jobs, { untilMs: endMs, isEnd });
  say(`${jobs.length - ended.left.length} of ${jobs.length} permits have ended`);
  let opened = 0;
  let compared = 0;
  let recomputed = 0;
  let wrong = "";
  for (const job of jobs) {
    if ((await chainState(world.hospital.client, job.permitId)) === "REFUNDED") continue;
    try {
      const result = await openAndCompare(world, job);
      compared += result.compared;
      recomputed += result.recomputed ? 1 : 0;
      opened++;
    } catch (cause) {
      wrong ||= cause instanceof Error ? cause.message : String(cause);
    }
  }
  say(`${opened} results opened`);
  const completed = (
    await Promise.all(jobs.map((job) => chainState(world.hospital.client, job.permitId)))
  ).filter((state) => state !== "REFUNDED").length;
  const holders = [world.hospital, ...world.scenes.map(({ researcher }) => researcher)].map(
    ({ account }) => account.address,
  );
  const findings: Finding[] = [
    { rule: "all jobs were run", ok: jobs.length === jobsWanted, seen: `${jobs.length} of ${jobsWanted}` },
    ...(await auditChain(world.hospital.client, jobs)),
    await auditMoney(world.hospital.client, holders),
    {
      rule: "sums opened from ciphertext are right",
      ok: opened === completed && opened > 0 && wrong === "",
      seen: `${opened} of ${completed} results (${recomputed} after recomputing), ${compared} numbers${wrong === "" ? "" : `; ${wrong}`}`,
    },
    ...(await quiet(async () => [...(await auditRows(stage)), ...(await auditObjects(stage))])),
  ];
  failed = findings.some(({ ok }) => !ok);
  const report = {
    seed,
    jobs: jobs.length,
    workers: 4,
    regions: 2,
    depth,
    seconds: Math.round((performance.now() - startedAt) / 1000),
    clientRetries: retries,
    permitsSentAgain: accept.reissued + ended.reissued,
    parts: Object.fromEntries(Object.entries(stage.parts).map(([name, { version }]) => [name, version])),
    faults: Object.fromEntries([...tally].sort()),
    findings,
  };
  printTables(report);
  if (values.out !== undefined) await writeFile(values.out, `${JSON.stringify(report, null, 2)}\n`);
  world.close();
} finally {
  await stage.stop();
  if (failed || values.keep) say(`logs are kept in ${folder}`);
  else await rm(folder, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);

/** The audit once everything is quiet: asked again while a rule does not hold, three minutes at most. */
async function quiet(audit: () => Promise<Finding[]>): Promise<Finding[]> {
  const until = performance.now() + 180_000;
  for (;;) {
    const found = await audit();
    if (found.every(({ ok }) => ok) || performance.now() > until) return found;
    await delay(1_000);
  }
}
