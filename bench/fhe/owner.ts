/**
 * Measures the owner's side on this machine: encryption, expansion and decryption per ciphertext in 1 and 2 threads, and a
 * cohort from its PLINK files to finished containers.
 *
 *     node bench/fhe/owner.ts [--samples 8000] [--markers 8192] [--ciphertexts 200] [--repetitions 7]
 *                             [--threads 1,2] [--json out/bench-fhe-owner.json]
 *
 * Threads begin each repetition together; a repetition lasts from the first begin to the last end, and the best one counts.
 * One ciphertext holds the genotypes of one person at 2,048 markers, missing calls included.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Worker } from "node:worker_threads";
import { countsProfile, freeNow, generateDatasetKey } from "@cos/fhe";
import { openPlink, simulateCohort, writePlink } from "@cos/genomics";
import { encryptDataset } from "@cos/programs";
import { unwrap } from "@cos/protocol";
import { readOptions } from "../../tools/command-line.ts";
import type { OwnerThreadData, OwnerTimes } from "./owner-thread.ts";

export type OwnerFigure = {
  step: string;
  threads: number;
  seconds: number;
  ciphertexts: number;
  /** Of one thread, by the clock. */
  microsecondsPerCiphertext: number;
  /** Processor time: what a ciphertext costs even where other programs run. */
  cpuMicrosecondsPerCiphertext: number;
  genotypesPerSecond: number;
};

const options = readOptions(
  `node bench/fhe/owner.ts [options]

Measures encryption, expansion and decryption per ciphertext, and a cohort from its PLINK files to containers.

  --samples N --markers N   the cohort (8000 x 8192)
  --ciphertexts N           in each repetition of a step (200)
  --repetitions N           of which the best counts (7); of the cohort half as many
  --threads LIST            (1,2)
  --json FILE               (out/bench-fhe-owner.json)`,
  {
    samples: { type: "string", default: "8000" },
    markers: { type: "string", default: "8192" },
    ciphertexts: { type: "string", default: "200" },
    repetitions: { type: "string", default: "7" },
    threads: { type: "string", default: "1,2" },
    json: { type: "string", default: "out/bench-fhe-owner.json" },
  },
  ["samples", "markers", "ciphertexts", "repetitions", "threads"],
);
const { ringDegree } = countsProfile;

const figures: OwnerFigure[] = [];
for (const threads of options.threads.split(",").map(Number)) {
  figures.push(...(await measureSteps(threads)), await measureCohort(threads));
  print(figures.filter((figure) => figure.threads === threads));
}
const report = {
  profile: countsProfile.name,
  cpu: cpus()[0]?.model ?? "unknown",
  peakResidentMegabytes: Math.round(process.resourceUsage().maxRSS / 1024),
  figures,
};
mkdirSync(dirname(options.json), { recursive: true });
writeFileSync(options.json, `${JSON.stringify(report, null, 1)}\n`);
console.log(`\n${report.peakResidentMegabytes} MB resident at most; ${options.json}`);

async function measureSteps(threads: number): Promise<OwnerFigure[]> {
  const barrier = new SharedArrayBuffer(8);
  const ciphertexts = Number(options.ciphertexts);
  const workerData: OwnerThreadData = {
    ciphertexts,
    repetitions: Number(options.repetitions),
    threads,
    barrier,
  };
  const results = await Promise.all(Array.from({ length: threads }, () => inThread(workerData)));
  return (results[0] ?? []).map(({ step }, s) => {
    const spans = results.map((result) => (result[s] as OwnerTimes).spans);
    const lasted = (spans[0] ?? []).map((_, i) => {
      const each = spans.map((of) => of[i] as [bigint, bigint]);
      const begin = each.map(([from]) => from).reduce((a, b) => (a < b ? a : b));
      return Number(each.map(([, to]) => to).reduce((a, b) => (a > b ? a : b)) - begin) / 1e9;
    });
    const cpu =
      results.reduce((sum, result) => sum + (result[s] as OwnerTimes).cpuMicroseconds, 0) /
      (threads * ciphertexts);
    return figureOf(step, threads, Math.min(...lasted), threads * ciphertexts, cpu);
  });
}

/** The whole way of `cos dataset encrypt` but for the disk that it writes to. */
async function measureCohort(threads: number): Promise<OwnerFigure> {
  const folder = await mkdtemp(join(tmpdir(), "cos-bench-owner-"));
  try {
    const samples = Number(options.samples);
    const simulated = simulateCohort({
      samples,
      variants: Number(options.markers),
      chromosomes: 1,
      causal: 1,
    });
    unwrap(await writePlink(join(folder, "cohort"), simulated.source));
    const source = unwrap(await openPlink(join(folder, "cohort")));
    const key = await generateDatasetKey();
    const times: OwnerFigure[] = [];
    for (let i = 0; i < Math.ceil(Number(options.repetitions) / 2); i += 1) {
      const from = performance.now();
      const before = process.cpuUsage();
      const { manifest } = unwrap(
        await encryptDataset({
          source,
          traits: [],
          site: "bench",
          consentClass: ["DUO:0000042"],
          assembly: "unspecified",
          rowsPadded: samples,
          key,
          sink: async (_, bytes, label) => {
            if (label !== undefined) freeNow(bytes); // as a sink does that has stored them
          },
          effectiveAt: 0,
          threads,
        }),
      );
      const seconds = (performance.now() - from) / 1e3;
      const { user, system } = process.cpuUsage(before);
      const ciphertexts = samples * (manifest.arrays[0]?.variantBlocks.length ?? 0);
      const cpu = (user + system) / ciphertexts;
      times.push(figureOf("a cohort, files to blocks", threads, seconds, ciphertexts, cpu));
    }
    await source.close();
    return times.reduce((best, one) => (one.seconds < best.seconds ? one : best));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function figureOf(
  step: string,
  threads: number,
  seconds: number,
  ciphertexts: number,
  cpuMicrosecondsPerCiphertext: number,
): OwnerFigure {
  return {
    step,
    threads,
    seconds,
    ciphertexts,
    cpuMicrosecondsPerCiphertext,
    microsecondsPerCiphertext: (seconds * 1e6 * threads) / ciphertexts,
    genotypesPerSecond: (ciphertexts * ringDegree) / seconds,
  };
}

function inThread(workerData: OwnerThreadData): Promise<OwnerTimes[]> {
  const { promise, resolve, reject } = Promise.withResolvers<OwnerTimes[]>();
  const worker = new Worker(new URL("./owner-thread.ts", import.meta.url), { workerData });
  worker.once("message", resolve).once("error", reject);
  return promise;
}

function print(some: readonly OwnerFigure[]): void {
  console.log(`\n${some[0]?.threads} thread(s), ${countsProfile.name}`);
  const row = (cells: readonly string[]) =>
    console.log(cells.map((cell, i) => (i === 0 ? cell.padEnd(32) : cell.padStart(16))).join(""));
  row(["step", "us/ciphertext", "us processor", "M genotypes/s"]);
  for (const figure of some) {
    const { step, microsecondsPerCiphertext, cpuMicrosecondsPerCiphertext, genotypesPerSecond } = figure;
    const numbers = [microsecondsPerCiphertext, cpuMicrosecondsPerCiphertext];
    row([step, ...numbers.map((each) => each.toFixed(1)), (genotypesPerSecond / 1e6).toFixed(2)]);
  }
}
