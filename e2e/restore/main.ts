import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readOptions } from "../../tools/command-line.ts";
import { startParts } from "../../tools/parts/start-parts.ts";
import { raiseGround } from "./ground.ts";
import { everythingUnderWay, everythingWhileQuiet, restoredFromBackup, theBooks } from "./losses.ts";
import { setUpStudy } from "./study.ts";

/**
 * `npm run test:restore`: the five services as processes on real Postgres, Kafka and S3. Jobs run; then what is behind the
 * services is lost, in four ways, and comes back from chain and objects, or from a backup. Ends with 0 only when every
 * rule holds. `-- --acts 1,4` plays some of the losses, by number.
 */
const values = readOptions(
  "npm run test:restore [-- --acts 1,4]",
  { acts: { type: "string", default: "1,2,3,4,5" } },
  ["acts"],
);
const acts = new Set(values.acts.split(",").map(Number));
const startedAt = performance.now();
const seconds = () => ((performance.now() - startedAt) / 1_000).toFixed(1);
const say = (line: string): void => void process.stdout.write(`${seconds().padStart(7)} s  ${line}\n`);

const folder = await mkdtemp(join(tmpdir(), "cos-restore-"));
await chmod(folder, 0o711);
const parts = await startParts(["kafka", "postgres", "s3"]);
let failed = true;
try {
  for (const { name, reason } of parts.missing) throw new Error(`no ${name}: ${reason}`);
  say(`parts are up: ${parts.parts.map(({ name, version }) => `${name} ${version}`).join(", ")}`);
  const { COS_PARTS_KAFKA = "", COS_PARTS_POSTGRES = "", COS_PARTS_S3 = "" } = parts.env;
  const ground = await raiseGround(folder, {
    kafka: COS_PARTS_KAFKA,
    postgres: COS_PARTS_POSTGRES,
    s3: COS_PARTS_S3,
  });
  try {
    say(`${ground.fleet.processes.size} processes are up`);
    const study = await setUpStudy(ground, join(folder, "study"));
    const rehearsal = { ground, study, jobs: [], say };
    const losses = [
      everythingWhileQuiet,
      everythingUnderWay(false),
      everythingUnderWay(true),
      restoredFromBackup(folder, false),
      restoredFromBackup(folder, true),
    ].filter((_, at) => acts.has(at + 1));
    const rules = [];
    for (const loss of [...losses, theBooks]) {
      say(loss.name);
      const findings = await loss.run(rehearsal);
      for (const { rule, ok, seen } of findings) say(`  ${ok ? "ok  " : "FAIL"} ${rule}: ${seen}`);
      rules.push(...findings);
    }
    study.close();
    failed = rules.some(({ ok }) => !ok);
    const held = rules.filter(({ ok }) => ok).length;
    process.stdout.write(`\n${held} of ${rules.length} rules hold, ${seconds()} s\n`);
  } finally {
    await ground.stop();
  }
} finally {
  await parts.stop();
  if (failed) say(`logs are kept in ${folder}`);
  else await rm(folder, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
