/**
 * Measures the engine's kernels on this machine: genotypes and bytes a second for every level of CPU, beside what memory
 * gives when it is only read, and beside node-seal doing the same one ciphertext at a time.
 *
 *     node bench/fhe/kernels.ts [--samples 1000] [--markers 28501] [--repetitions 7] [--json out/bench-fhe-kernels.json]
 *
 * Threads are worker threads that begin each repetition together; a repetition lasts from the first begin to the last
 * end, and the best one counts. The markers are divided between the threads. Needs 0.6 GB at the default size.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname } from "node:path";
import { Worker } from "node:worker_threads";
import { countsProfile } from "@cos/fhe";
import { type CpuLevel, chooseEngine, loadAddon } from "@cos/fhe-native";
import { readOptions } from "../../tools/command-line.ts";
import type { KernelThreadData, KernelTimes } from "./kernel-thread.ts";

export type KernelFigure = {
  engine: CpuLevel | "node-seal";
  threads: number;
  kernel: string;
  seconds: number;
  genotypesPerSecond: number;
  bytesPerSecond: number;
  /** Bytes a second over those of the best plain read with as many threads. */
  ofReading: number | null;
  /** Genotypes a second over those of node-seal with as many threads. */
  timesNodeSeal: number | null;
};

const options = readOptions(
  `node bench/fhe/kernels.ts [options]

Measures the kernels of each engine in 1 and 2 threads, beside what the machine merely reads and beside node-seal.

  --samples N --markers N   the study (1000 x 28501)
  --repetitions N           of which the best counts (7)
  --json FILE               (out/bench-fhe-kernels.json)`,
  {
    samples: { type: "string", default: "1000" },
    markers: { type: "string", default: "28501" },
    repetitions: { type: "string", default: "7" },
    json: { type: "string", default: "out/bench-fhe-kernels.json" },
  },
  ["samples", "markers", "repetitions"],
);
const samples = Number(options.samples);
const variantBlocks = Math.ceil(Number(options.markers) / countsProfile.ringDegree);
/** Most people in one product sum: (2R + 1)^2 <= t. */
const rowsPerRun = 54;

const loaded = loadAddon();
if (!loaded.ok) console.log(`native kernels are not measured: ${chooseEngine("auto").description}`);
const levels: (CpuLevel | null)[] = [null, ...(loaded.ok ? loaded.addon.levels() : [])];

const measured: Omit<KernelFigure, "ofReading" | "timesNodeSeal">[] = [];
for (const threads of [1, 2]) {
  for (const level of levels) measured.push(...(await measureOn(level, threads)));
}
const figures: KernelFigure[] = measured.map((figure) => ({
  ...figure,
  ofReading: ratio(figure.bytesPerSecond, bestRead(figure.threads)),
  timesNodeSeal: ratio(figure.genotypesPerSecond, nodeSeal(figure.kernel, figure.threads)),
}));
print(figures);

const report = {
  profile: countsProfile.name,
  samples,
  markers: Number(options.markers),
  cpu: cpus()[0]?.model ?? "unknown",
  figures,
};
mkdirSync(dirname(options.json), { recursive: true });
writeFileSync(options.json, `${JSON.stringify(report, null, 1)}\n`);
console.log(`\n${options.json}`);

async function measureOn(level: CpuLevel | null, threads: number): Promise<typeof measured> {
  const shares = Array.from({ length: threads }, (_, i) =>
    Math.floor((variantBlocks * (i + 1)) / threads - Math.floor((variantBlocks * i) / threads)),
  );
  const barrier = new SharedArrayBuffer(8);
  const repetitions = Number(options.repetitions);
  const results = await Promise.all(
    shares.map((share) => {
      const data = { level, samples, variantBlocks: share, rowsPerRun, repetitions, threads, barrier };
      return inThread(data satisfies KernelThreadData);
    }),
  );
  return (results[0] as KernelTimes[]).map(({ kernel }, k) => {
    const each = results.map((result) => result[k] as KernelTimes);
    const spans = each[0]?.spans.map((_, i) => {
      const ofAll = each.map(({ spans }) => spans[i] as [bigint, bigint]);
      return Number(latest(ofAll.map(([, to]) => to)) - earliest(ofAll.map(([from]) => from))) / 1e9;
    });
    const seconds = Math.min(...(spans ?? []));
    return {
      engine: level ?? "node-seal",
      threads,
      kernel,
      seconds,
      genotypesPerSecond: total(each.map((e) => e.genotypes)) / seconds,
      bytesPerSecond: total(each.map((e) => e.bytes)) / seconds,
    };
  });
}

function inThread(data: KernelThreadData): Promise<KernelTimes[]> {
  const { promise, resolve, reject } = Promise.withResolvers<KernelTimes[]>();
  const worker = new Worker(new URL("./kernel-thread.ts", import.meta.url), { workerData: data });
  worker.once("message", resolve).once("error", reject);
  return promise;
}

function bestRead(threads: number): number | undefined {
  const reads = measured.filter((m) => m.threads === threads && m.kernel.startsWith("read"));
  return reads.length === 0 ? undefined : Math.max(...reads.map((m) => m.bytesPerSecond));
}

function nodeSeal(kernel: string, threads: number): number | undefined {
  const straightforward = kernel.startsWith("product, stored") ? "product" : kernel;
  return measured.find(
    (m) => m.engine === "node-seal" && m.threads === threads && m.kernel === straightforward,
  )?.genotypesPerSecond;
}

function ratio(a: number, b: number | undefined): number | null {
  return b === undefined ? null : a / b;
}

function print(all: readonly KernelFigure[]): void {
  const row = (cells: readonly string[]) =>
    cells.map((c, i) => (i === 1 ? c.padEnd(32) : c.padEnd(i === 0 ? 10 : 0).padStart(10))).join(" ");
  for (const threads of new Set(all.map((f) => f.threads))) {
    console.log(
      `\n${threads} thread${threads === 1 ? "" : "s"}, ${samples} x ${options.markers}, ${countsProfile.name}`,
    );
    console.log(row(["engine", "kernel", "ms", "M gen./s", "GB/s", "of read", "x SEAL"]));
    for (const f of all.filter((figure) => figure.threads === threads)) {
      console.log(
        row([
          f.engine,
          f.kernel,
          (f.seconds * 1e3).toFixed(1),
          (f.genotypesPerSecond / 1e6).toFixed(1),
          (f.bytesPerSecond / 1e9).toFixed(2),
          f.ofReading === null ? "" : f.ofReading.toFixed(2),
          f.timesNodeSeal === null ? "" : f.timesNodeSeal.toFixed(1),
        ]),
      );
    }
  }
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, n) => sum + n, 0);
}

function earliest(times: readonly bigint[]): bigint {
  return times.reduce((a, b) => (a < b ? a : b));
}

function latest(times: readonly bigint[]): bigint {
  return times.reduce((a, b) => (a > b ? a : b));
}
