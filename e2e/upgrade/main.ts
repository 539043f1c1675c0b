import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readOptions } from "../../tools/command-line.ts";
import { startParts } from "../../tools/parts/start-parts.ts";
import { auditChain, auditMoney, auditRows } from "../faults/audit.ts";
import { onServer } from "../restore/ground.ts";
import { type StudyJob, setUpStudy } from "../restore/study.ts";
import { checkOut, commitBeforeNewestMigration } from "./earlier-version.ts";
import { type RollingFleet, raiseEarlier } from "./rolling.ts";

/**
 * `npm run test:upgrade`: a fleet of an earlier commit on real Kafka, Postgres and S3 becomes one of today's, process by
 * process, while a researcher orders jobs. `-- --from COMMIT` names the earlier one; without it, it is the last one before
 * the newest migration. Ends with 0 only when no job was lost or counted twice.
 */
const values = readOptions("npm run test:upgrade [-- --from COMMIT]", { from: { type: "string" } });
const startedAt = performance.now();
const seconds = () => ((performance.now() - startedAt) / 1_000).toFixed(1);
const say = (line: string): void => void process.stdout.write(`${seconds().padStart(7)} s  ${line}\n`);

const commit = values.from ?? (await commitBeforeNewestMigration());
const folder = await mkdtemp(join(tmpdir(), "cos-upgrade-"));
await chmod(folder, 0o711);
const tree = await checkOut(commit, join(folder, "earlier"));
const parts = await startParts(["kafka", "postgres", "s3"]);
let failed = true;
try {
  for (const { name, reason } of parts.missing) throw new Error(`no ${name}: ${reason}`);
  const { COS_PARTS_KAFKA: kafka = "", COS_PARTS_POSTGRES: postgres = "", COS_PARTS_S3: s3 = "" } = parts.env;
  const rolling = await raiseEarlier(folder, tree, { kafka, postgres, s3 });
  try {
    const study = await setUpStudy(rolling, join(folder, "study"));
    say(`version ${commit.slice(0, 10)} is up, a dataset is published`);
    const jobs: StudyJob[] = [];
    let ordering = true;
    let phase = "before";
    const orders = (async () => {
      while (ordering) {
        const job = await study.issue(phase, 3_600);
        jobs.push(job);
        if (jobs.length % 5 === 0) say(`${jobs.length} jobs ordered`);
        // As many under way at once as a researcher would have.
        await study.until(jobs.slice(0, -3), ["ACCEPTED"]);
      }
    })();
    const ordered = async (count: number) => {
      const wanted = jobs.length + count;
      while (jobs.length < wanted) {
        await Promise.race([orders, new Promise((resolve) => setTimeout(resolve, 100))]);
      }
    };
    /** One service after the other changes while jobs are ordered. */
    const eachService = async (change: RollingFleet["addNew"], then: string) => {
      for (const service of ["access", "settlement", "orchestrator", "gateway"] as const) {
        await change(service);
        say(`${service}: ${then}`);
        await ordered(1);
      }
    };
    await ordered(2);
    phase = "migrated";
    await rolling.migrate();
    say("today's migrations have run; every process is still of the earlier version");
    await ordered(2);
    phase = "both versions";
    await eachService(rolling.addNew, "both versions are at work");
    await rolling.replaceWorker("worker-1");
    say("worker-1 was drained and is of today's version");
    await ordered(2);
    phase = "the earlier end";
    await eachService(rolling.endOld, "the earlier version has ended");
    for (const worker of ["worker-2", "worker-3"]) {
      await rolling.replaceWorker(worker);
      say(`${worker} was drained and is of today's version`);
    }
    phase = "after";
    await ordered(2);
    ordering = false;
    await orders;
    await study.until(jobs, ["ACCEPTED"]);
    say(`${jobs.length} jobs were ordered and accepted`);

    let numbers = 0;
    for (const job of jobs) {
      numbers += await study.open(job);
      await study.release(job);
    }
    const late = performance.now() + 120_000;
    let rows = await auditRows({ direct: { postgres: rolling.databaseUrl } });
    while (rows.some(({ ok }) => !ok) && performance.now() < late) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      rows = await auditRows({ direct: { postgres: rolling.databaseUrl } });
    }
    const findings = [
      {
        rule: "every job that was ordered has a result that is right",
        ok: numbers > 0,
        seen: perPhase(jobs),
      },
      ...(await auditChain(study.hospital.client, jobs)),
      await auditMoney(study.hospital.client, study.accounts),
      ...rows,
      await workIsWhole(rolling.databaseUrl),
    ];
    study.close();
    process.stdout.write(`\nfrom ${commit.slice(0, 10)} to today's version\n`);
    for (const { rule, ok, seen } of findings)
      process.stdout.write(`  ${ok ? "ok  " : "FAIL"} ${rule}: ${seen}\n`);
    failed = findings.some(({ ok }) => !ok);
    process.stdout.write(
      `\n${findings.filter(({ ok }) => ok).length} of ${findings.length} rules hold, ${seconds()} s\n`,
    );
  } finally {
    await rolling.stop();
  }
} finally {
  await parts.stop();
  if (failed) say(`logs are kept in ${folder}`);
  else await rm(folder, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);

function perPhase(jobs: readonly StudyJob[]): string {
  const phases = Map.groupBy(jobs, ({ what }) => what);
  return [...phases].map(([phase, each]) => `${each.length} ${phase}`).join(", ");
}

/** What the orchestrator's tables say of the work: nothing is left over, nobody gave a job up. */
async function workIsWhole(databaseUrl: string) {
  const [row] = await onServer<{ tasks: string; open: string; jobs: string; ended: string }>(
    databaseUrl,
    `SELECT (SELECT count(*) FROM orchestrator.task) AS tasks,
       (SELECT count(*) FROM orchestrator.task WHERE output_digest IS NULL) AS open,
       (SELECT count(*) FROM orchestrator.job) AS jobs,
       (SELECT count(*) FROM orchestrator.job WHERE state IN ('COMMITTED', 'SETTLED')) AS ended`,
  );
  return {
    rule: "every job is committed, every task of it settled",
    ok: row !== undefined && row.open === "0" && row.jobs === row.ended && Number(row.tasks) > 0,
    seen: `${row?.ended} of ${row?.jobs} jobs, ${row?.tasks} tasks`,
  };
}
