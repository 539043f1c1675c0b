/**
 * `npm test`: the contract tests (forge), the chart's checks (`npm run check:deploy`) and every other test (Vitest) beside
 * each other, the last with real parts, and one closing line `N passed, N failed`. With CI=true a skipped test or a missing part is a failure, because what
 * should have run did not.
 */
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { type RunningParts, startParts } from "./parts/start-parts.ts";

type Tally = { name: string; passed: number; failed: number; skipped: number };

const reportFile = "out/test/vitest.json";

/** Runs a command; `quiet` keeps its output until it has ended, so that two commands do not write into each other. */
async function run(
  command: string,
  args: string[],
  { quiet = false, env = {} }: { quiet?: boolean; env?: Readonly<Record<string, string>> } = {},
): Promise<{ code: number; output: string }> {
  const title = `\n> ${command} ${args.join(" ")}\n`;
  if (!quiet) process.stdout.write(title);
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", quiet ? "pipe" : "inherit"],
    env: { ...process.env, ...env },
  });
  let output = "";
  const collect = (piece: Buffer) => {
    output += piece.toString();
    if (!quiet) process.stdout.write(piece);
  };
  child.stdout?.on("data", collect);
  child.stderr?.on("data", collect);
  const code = await new Promise<number>((resolve) => child.on("close", (exit) => resolve(exit ?? 1)));
  if (quiet) process.stdout.write(title + output);
  return { code, output };
}

/** Reads forge's closing line, such as `Ran 9 test suites in 8.41s (…): 61 tests passed, 0 failed, 0 skipped (61 total tests)`. */
function readForge({ code, output }: { code: number; output: string }): Tally {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: forge colours its numbers
  const plain = output.replace(/\u001b\[[0-9;]*m/g, "");
  const line = /Ran \d+ test suites?[^\n]*: (\d+) tests? passed, (\d+) failed, (\d+) skipped/.exec(plain);
  const [passed = 0, failed = 0, skipped = 0] = (line?.slice(1) ?? []).map(Number);
  const broken = code !== 0 && failed === 0 ? 1 : 0;
  return { name: "contracts (forge)", passed, failed: failed + broken + (line ? 0 : 1 - broken), skipped };
}

/** Reads the closing line of the chart's checks, `N passed, N failed`. */
function readDeploy({ code, output }: { code: number; output: string }): Tally {
  const line = /^(\d+) passed, (\d+) failed$/m.exec(output.trimEnd().split("\n").at(-1) ?? "");
  const [passed = 0, failed = 0] = (line?.slice(1) ?? []).map(Number);
  const broken = (line === null || code !== 0) && failed === 0 ? 1 : 0;
  return { name: "chart (helm, kubeconform, promtool)", passed, failed: failed + broken, skipped: 0 };
}

function readVitest(code: number): Tally {
  type Report = {
    numPassedTests: number;
    numFailedTests: number;
    numPendingTests: number;
    numTodoTests: number;
    numFailedTestSuites: number;
  };
  let report: Report;
  try {
    report = JSON.parse(readFileSync(reportFile, "utf8")) as Report;
  } catch {
    return { name: "vitest", passed: 0, failed: 1, skipped: 0 };
  }
  const failedFiles = report.numFailedTests === 0 ? report.numFailedTestSuites : 0;
  const failed = report.numFailedTests + failedFiles;
  return {
    name: "unit, service, end-to-end (vitest)",
    passed: report.numPassedTests,
    failed: failed === 0 && code !== 0 ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

mkdirSync("out/test", { recursive: true });
rmSync(reportFile, { force: true });
const started = Date.now();
const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${reportFile}`];
let running: RunningParts | undefined;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => void (running?.stop() ?? Promise.resolve()).finally(() => process.exit(130)));
}

async function testWithParts(): Promise<{ code: number }> {
  running = await startParts();
  for (const { name, reason } of running.missing) console.log(`no ${name}: ${reason}`);
  try {
    return await run("vitest", ["run", ...reporters], { env: running.env });
  } finally {
    await running.stop();
  }
}

/** One after the other: they have one processor between them. */
async function testBeside() {
  const forge = await run("npm", ["run", "--silent", "test", "-w", "contracts"], { quiet: true });
  return [forge, await run("npm", ["run", "--silent", "check:deploy"], { quiet: true })] as const;
}

const [[forge, deploy], vitest] = await Promise.all([testBeside(), testWithParts()]);
const tallies = [readForge(forge), readDeploy(deploy), readVitest(vitest.code)];
const { parts = [], missing = [] } = running ?? {};

console.log("");
for (const { name, passed, failed, skipped } of tallies) {
  console.log(`${name}: ${passed} passed, ${failed} failed, ${skipped} skipped`);
}
console.log(`real parts: ${parts.map(({ name, version }) => `${name} ${version}`).join(", ") || "none"}`);
for (const { name, reason } of missing) console.log(`without ${name}: ${reason}`);
console.log(`took ${Math.round((Date.now() - started) / 1000)} s`);
const sum = (pick: (tally: Tally) => number) => tallies.reduce((total, tally) => total + pick(tally), 0);
const skipped = sum((tally) => tally.skipped);
const inCi = process.env.CI === "true";
if (skipped > 0) console.log(`${skipped} skipped${inCi ? ": with CI=true that is a failure" : ""}`);
if (missing.length > 0 && inCi)
  console.log(`${missing.length} parts missing: with CI=true that is a failure`);
const failed = sum((tally) => tally.failed) + (inCi ? skipped + missing.length : 0);
console.log(`${sum((tally) => tally.passed)} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
