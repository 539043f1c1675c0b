/**
 * `npm run bench:fhe`: kernels, whole studies and the owner's side on this machine, one after the other; prints their
 * tables and writes all figures into one file, and the page that shows them.
 *
 *     npm run bench:fhe [-- --quick] [--json docs/bench/fhe.json]
 *
 * `--quick` leaves out half a billion genotypes; it is to see that everything runs. Figures worth keeping come from a
 * machine that does nothing else. Eight to ten minutes, 4.5 GB of disk, 2 GB of memory.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { readOptions } from "../../tools/command-line.ts";
import { type BenchReport, performancePage } from "./performance-page.ts";

const options = readOptions(
  `npm run bench:fhe [-- --quick] [--json FILE]

Measures kernels, whole studies and the owner's side on this machine, one after the other.

  --quick      small studies: to see that everything runs
  --json FILE  where the figures go, and beside it the page that shows them (out/bench-fhe.json)

COS_PARTS_S3=http://ACCESS:SECRET@HOST:PORT has studies read through S3 too.`,
  {
    quick: { type: "boolean", default: false },
    json: { type: "string", default: "out/bench-fhe.json" },
  },
);

const folder = mkdtempSync(join(tmpdir(), "cos-bench-fhe-"));
try {
  const report = {
    measuredAt: new Date().toISOString().slice(0, 10),
    kernels: run("kernels", options.quick ? ["--samples", "216"] : []),
    pipeline: run("pipeline", options.quick ? ["--quick", "--samples", "216", "--markers", "4096"] : []),
    owner: run("owner", options.quick ? ["--samples", "200", "--markers", "2048", "--repetitions", "2"] : []),
  } as BenchReport;
  const page = options.json.replace(/\.json$/, ".md");
  mkdirSync(dirname(options.json), { recursive: true });
  writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(page, performancePage(report));
  console.log(`\n${options.json}, ${page}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function run(name: string, args: readonly string[]): unknown {
  const json = join(folder, `${name}.json`);
  const script = fileURLToPath(new URL(`./${name}.ts`, import.meta.url));
  const { status, signal } = spawnSync(process.execPath, [script, ...args, "--json", json], {
    stdio: "inherit",
  });
  if (status !== 0) throw new Error(`${name} ended with ${signal ?? status}`);
  return JSON.parse(readFileSync(json, "utf8"));
}
