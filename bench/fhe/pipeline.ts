/**
 * Measures whole studies on this machine, as workers run them: encrypted cohorts with missing calls, by each program and
 * layout that there is, from ciphertexts expanded in memory, from the directory store, and through S3 where COS_PARTS_S3 names
 * one (http://ACCESS:SECRET@host:port). Every result is opened and compared with plain arithmetic.
 *
 *     node bench/fhe/pipeline.ts [--samples 1000] [--markers 28501] [--large 25000x20000] [--quick] [--repetitions 5]
 *                                [--engine auto] [--read-ahead 128] [--json out/bench-fhe-pipeline.json]
 *
 * Needs 4.5 GB of disk and a minute of encryption for the large cohort, 1 GB for one of five times the samples; `--quick`
 * leaves both out.
 */
import { execFileSync } from "node:child_process";
import { createReadStream, mkdirSync, writeFileSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Worker } from "node:worker_threads";
import { countsProfile } from "@cos/fhe";
import { type ObjectStore, objectKey, openEmbeddedObjects, openS3Store, readObject } from "@cos/objects";
import { type EngineSetting, EvaluationPool, planDigestOf, taskSpec, taskSpecBytes } from "@cos/programs";
import { digestOfBytes, joinPieces, unwrap } from "@cos/protocol";
import { readOptions } from "../../tools/command-line.ts";
import {
  checkCounts,
  type EncryptedCohort,
  encryptCohort,
  type Phenotype,
  phenotypes,
} from "./encrypted-cohort.ts";
import type { ExpandedThreadData, ExpandedTimes } from "./expanded-thread.ts";
import { type JobTimes, WorkerFleet } from "./worker-fleet.ts";
import type { WorkerSetup } from "./worker-process.ts";

export type PipelineFigure = {
  source: "memory, expanded" | "directory" | "s3";
  samples: number;
  markers: number;
  phenotype: Phenotype;
  processes: number;
  threadsPerProcess: number;
  /** Processors that all processes together were held to; null: not held. */
  cores: number | null;
  engine: string;
  /** Best of the repetitions: all map tasks, then the reduce task. */
  evaluateSeconds: number;
  reduceSeconds: number;
  genotypesPerSecond: number;
  bytesPerSecond: number;
  /** The encrypted result. Not in reports before November 2026. */
  resultBytes?: number;
  /** Of the largest worker process: while it evaluated, and when it had reduced too. */
  peakEvaluateMegabytes: number | null;
  peakResidentMegabytes: number | null;
  /** When it had reduced its first job. Not in reports before November 2026. */
  peakReduceMegabytes?: number;
};
export type CeilingFigure = { what: string; threads: number; bytesPerSecond: number };

const options = readOptions(
  `node bench/fhe/pipeline.ts [options]

Measures whole studies as workers run them; every result is opened and compared with plain arithmetic.

  --samples N --markers N   the study (1000 x 28501); also half of either, and five times the people
  --large PEOPLExMARKERS    the study from a cold disk (25000x20000)
  --quick                   without the two larger studies
  --repetitions N           of which the best counts (5)
  --engine NAME             native, wasm or auto (COS_FHE_ENGINE, or auto)
  --read-ahead MEBIBYTES    of ciphertext a worker may hold in advance (128)
  --json FILE               (out/bench-fhe-pipeline.json)

COS_PARTS_S3=http://ACCESS:SECRET@HOST:PORT has the study read through S3 too.`,
  {
    samples: { type: "string", default: "1000" },
    markers: { type: "string", default: "28501" },
    large: { type: "string", default: "25000x20000" },
    quick: { type: "boolean", default: false },
    repetitions: { type: "string", default: "5" },
    engine: { type: "string", default: process.env.COS_FHE_ENGINE ?? "auto" },
    "read-ahead": { type: "string", default: "128" },
    json: { type: "string", default: "out/bench-fhe-pipeline.json" },
  },
  ["samples", "markers", "repetitions", "read-ahead"],
);
const engine = options.engine as EngineSetting;
const repetitions = Number(options.repetitions);
/** A thread also needs a processor for what reads for it, so that one thread is held to one. */
const layouts: readonly (readonly [processes: number, threads: number, cores: number])[] = [
  [1, 1, 1],
  [1, 2, 2],
  [2, 1, 2],
];

const figures: PipelineFigure[] = [];
const encryptions: {
  samples: number;
  markers: number;
  phenotype: Phenotype;
  bytes: number;
  seconds: number;
  genotypesPerSecond: number;
}[] = [];
const ceilings: CeilingFigure[] = [];
let large: object | null = null;

const [samples, markers] = [Number(options.samples), Number(options.markers)];
const sizes = [
  [samples, Math.round(markers / 2)],
  [Math.round(samples / 2), markers],
  [samples, markers],
] as const;
for (const [people, variants] of sizes) await inFolder((folder) => measureStudy(folder, people, variants));
await inFolder((folder) => measureStudy(folder, samples, markers, "incomplete"));
for (const phenotype of phenotypes) {
  const [people, variants] = [Math.round(samples / 2), Math.round(markers / 2)];
  await inFolder((folder) => measureStudy(folder, people, variants, phenotype));
}
if (!options.quick) {
  // Long enough that neither a job's first nor its last moments show, and small enough to stay in the page cache.
  await inFolder((folder) => measureStudy(folder, 5 * samples, markers));
  const [people, variants] = options.large.split("x").map(Number) as [number, number];
  await inFolder((folder) => measureLarge(folder, people, variants));
}

const report = {
  profile: countsProfile.name,
  cpu: cpus()[0]?.model ?? "unknown",
  cores: cpus().length,
  readAheadMebibytes: Number(options["read-ahead"]),
  countsEqualPlaintext: true, // it has thrown otherwise
  figures,
  encryptions,
  ceilings,
  large,
};
mkdirSync(dirname(options.json), { recursive: true });
writeFileSync(options.json, `${JSON.stringify(report, null, 1)}\n`);
console.log(`\n${options.json}`);

async function measureStudy(
  dataDir: string,
  people: number,
  variants: number,
  phenotype: Phenotype = "complete",
): Promise<void> {
  const { cohort, store } = await prepare(dataDir, people, variants, phenotype);
  if (engine !== "wasm" && variants === markers && people === samples) {
    for (const threads of [1, 2]) await measureExpanded(cohort, dataDir, threads);
  }
  for (const [processes, threads, cores] of layouts) {
    await measureFleet(
      cohort,
      store,
      "directory",
      processes,
      cores,
      setupOf(threads, { kind: "directory", dataDir }),
    );
  }
  const s3 = process.env.COS_PARTS_S3;
  if (s3 !== undefined && variants === markers && people === samples) await measureS3(cohort, store, s3);
  await cohort.source.close();
}

async function prepare(
  dataDir: string,
  people: number,
  variants: number,
  phenotype: Phenotype,
): Promise<{ cohort: EncryptedCohort; store: ObjectStore }> {
  const { store, close } = await openEmbeddedObjects({ dataDir });
  await close(); // nobody needs its URLs
  const cohort = await encryptCohort(people, variants, dataDir, store, 2, phenotype);
  const genotypesPerSecond = (people * variants) / cohort.encryptSeconds;
  const { bytes, encryptSeconds: seconds } = cohort;
  encryptions.push({ samples: people, markers: variants, phenotype, bytes, seconds, genotypesPerSecond });
  const perGenotype = (bytes / (people * variants)).toFixed(2);
  console.log(
    `\n${people} x ${variants}, phenotype ${phenotype}: encrypted in ${seconds.toFixed(1)} s on 2 threads (${(genotypesPerSecond / 1e6).toFixed(1)} M genotypes/s), ${(bytes / 1e6).toFixed(0)} MB (${perGenotype} bytes a genotype), ${cohort.plan.tasks.length - 1} tasks`,
  );
  return { cohort, store };
}

function setupOf(threads: number, store: WorkerSetup["store"]): WorkerSetup {
  return { store, threads, readAheadMebibytes: Number(options["read-ahead"]), engine };
}

async function measureFleet(
  cohort: EncryptedCohort,
  store: ObjectStore,
  source: PipelineFigure["source"],
  processes: number,
  cores: number,
  setup: WorkerSetup,
  times = repetitions,
  beforeEach: () => void = () => {},
): Promise<PipelineFigure> {
  const fleet = await WorkerFleet.start(processes, setup, cohort.plan, cores);
  const jobs: JobTimes[] = [];
  for (let i = 0; i < times; i += 1) {
    beforeEach();
    jobs.push(await fleet.runJob(cohort.plan));
  }
  await fleet.stop();
  const best = jobs.reduce((a, b) => (b.evaluateSeconds < a.evaluateSeconds ? b : a));
  const result = unwrap(await readObject(store, objectKey(best.result.digest), best.result.sizeBytes));
  await checkCounts(cohort, result);
  const reduceSeconds = Math.min(...jobs.map((job) => job.reduceSeconds));
  return record({
    ...{ source, samples: cohort.samples, markers: cohort.markers, phenotype: cohort.phenotype },
    ...{ processes, cores, threadsPerProcess: setup.threads, engine: fleet.engine },
    evaluateSeconds: best.evaluateSeconds,
    reduceSeconds,
    genotypesPerSecond: (cohort.samples * cohort.markers) / best.evaluateSeconds,
    bytesPerSecond: best.bytesRead / best.evaluateSeconds,
    resultBytes: best.result.sizeBytes,
    peakEvaluateMegabytes: Math.round((jobs[0]?.peakEvaluateBytes ?? 0) / 1e6),
    peakResidentMegabytes: Math.round(fleet.peakResidentBytes / 1e6),
    peakReduceMegabytes: Math.round((jobs[0]?.peakReduceBytes ?? 0) / 1e6),
  });
}

async function measureS3(cohort: EncryptedCohort, from: ObjectStore, root: string): Promise<void> {
  const url = `${root.replace(/\/+$/, "")}/cos-bench-${process.pid}`;
  const store = await openS3Store({ url, createBucket: true });
  try {
    for await (const { key, sizeBytes } of from.list("objects/")) {
      unwrap(await store.put(key, unwrap(await readObject(from, key, sizeBytes)), { sizeBytes }));
    }
    for (const [processes, threads, cores] of layouts) {
      await measureFleet(cohort, store, "s3", processes, cores, setupOf(threads, { kind: "s3", url }));
    }
  } finally {
    for await (const { key } of store.list("")) await store.delete(key);
    await store.close();
  }
}

async function measureExpanded(cohort: EncryptedCohort, dataDir: string, threads: number): Promise<void> {
  const { plan } = cohort;
  const digest = planDigestOf(plan);
  const evaluated = plan.tasks.filter(({ kind }) => kind === "evaluate");
  const tasks = evaluated.map(({ index }) =>
    new TextDecoder().decode(taskSpecBytes(taskSpec(plan, digest, index))),
  );
  const barrier = new SharedArrayBuffer(8);
  const results = await Promise.all(
    shareByCost(
      evaluated.map((task) => task.estimate.cost),
      threads,
    ).map((mine) => {
      const own = mine.map((i) => tasks[i] as string);
      return inThread({ dataDir, engine, tasks: own, repetitions, threads, barrier });
    }),
  );
  const spans = (results[0]?.spans ?? []).map((_, i) => {
    const each = results.map((result) => result.spans[i] as [bigint, bigint]);
    const begin = each.map(([from]) => from).reduce((a, b) => (a < b ? a : b));
    return Number(each.map(([, to]) => to).reduce((a, b) => (a > b ? a : b)) - begin) / 1e9;
  });
  const evaluateSeconds = Math.min(...spans);
  const outputs = results.flatMap((result) => result.outputs);
  await checkCounts(cohort, await reduceInMemory(cohort, outputs));
  const cells = cohort.samples * Math.ceil(cohort.markers / countsProfile.ringDegree);
  record({
    ...{ source: "memory, expanded", samples: cohort.samples, markers: cohort.markers },
    ...{
      phenotype: cohort.phenotype,
      processes: 1,
      threadsPerProcess: threads,
      cores: null,
      engine: "native",
      reduceSeconds: 0,
      evaluateSeconds,
    },
    genotypesPerSecond: (cohort.samples * cohort.markers) / evaluateSeconds,
    bytesPerSecond: (cells * 2 * countsProfile.ringDegree * 8) / evaluateSeconds,
    peakEvaluateMegabytes: null,
    peakResidentMegabytes: null,
  });
}

/** The result of partial results, in any order of them. */
async function reduceInMemory(
  { plan }: EncryptedCohort,
  outputs: readonly Uint8Array[],
): Promise<Uint8Array> {
  const pool = new EvaluationPool(1, engine);
  const byDigest = new Map(outputs.map((bytes) => [digestOfBytes(bytes), bytes]));
  const refs = [...byDigest].map(([digest, bytes]) => ({ digest, sizeBytes: bytes.length }));
  const spec = taskSpec(plan, planDigestOf(plan), plan.tasks.length - 1);
  const reduced = await pool.reduce(spec, refs, async (ref) => byDigest.get(ref.digest) as Uint8Array);
  await pool.close();
  return joinPieces(unwrap(reduced));
}

/** Numbers of things, dealt to `parts` so that their costs are about equal: the most costly first, each to whom has least. */
function shareByCost(costs: readonly number[], parts: number): number[][] {
  const shares = Array.from({ length: parts }, () => ({ cost: 0, mine: [] as number[] }));
  const order = [...costs.keys()].sort((a, b) => (costs[b] ?? 0) - (costs[a] ?? 0));
  for (const i of order) {
    const least = shares.reduce((a, b) => (b.cost < a.cost ? b : a));
    least.cost += costs[i] ?? 0;
    least.mine.push(i);
  }
  return shares.map(({ mine }) => mine);
}

/** Half a billion genotypes from a cold disk, beside what disk and expansion give alone in the same run. */
async function measureLarge(dataDir: string, people: number, variants: number): Promise<void> {
  const { cohort, store } = await prepare(dataDir, people, variants, "complete");
  const folder = join(dataDir, "store", "objects");
  const cold = () => forget(folder);
  const fleets: PipelineFigure[] = [];
  for (const [processes, threads, cores] of layouts) {
    const setup = setupOf(threads, { kind: "directory", dataDir });
    fleets.push(await measureFleet(cohort, store, "directory", processes, cores, setup, 2, cold));
  }
  await cohort.source.close();
  cold();
  const disk = await readFolder(folder, 4);
  ceilings.push({ what: "disk, cold, 4 readers", threads: 2, bytesPerSecond: disk });
  console.log(`disk, cold: ${(disk / 1e9).toFixed(2)} GB/s`);
  large = { samples: people, markers: variants, bytes: cohort.bytes, diskBytesPerSecond: disk };
}

/** Has the system forget what it holds of the folder's files in memory; GNU dd asks it to, without any privilege. */
function forget(folder: string): void {
  execFileSync("sync");
  execFileSync("find", [
    folder,
    "-type",
    "f",
    "-exec",
    "dd",
    "if={}",
    "iflag=nocache",
    "count=0",
    "status=none",
    ";",
  ]);
}

/** Bytes a second when a folder's files are read, `readers` at a time, as the directory store reads them. */
async function readFolder(folder: string, readers: number): Promise<number> {
  const names = (await readdir(folder)).values();
  let bytes = 0;
  const from = performance.now();
  const read = async () => {
    for (const name of names) {
      for await (const piece of createReadStream(join(folder, name), { highWaterMark: 256 * 1024 })) {
        bytes += (piece as Buffer).length;
      }
    }
  };
  await Promise.all(Array.from({ length: readers }, read));
  return bytes / ((performance.now() - from) / 1e3);
}

function record(figure: PipelineFigure): PipelineFigure {
  figures.push(figure);
  const { source, processes, threadsPerProcess, cores, evaluateSeconds, reduceSeconds, genotypesPerSecond } =
    figure;
  console.log(
    [
      source.padEnd(18),
      `${processes} x ${threadsPerProcess} threads`.padStart(14),
      `${cores ?? "all"} cores`.padStart(10),
      `${evaluateSeconds.toFixed(3)} s`.padStart(10),
      `reduce ${reduceSeconds.toFixed(3)} s`.padStart(16),
      `${(genotypesPerSecond / 1e6).toFixed(0)} M genotypes/s`.padStart(20),
      `${(figure.bytesPerSecond / 1e9).toFixed(2)} GB/s`.padStart(12),
      `${figure.peakEvaluateMegabytes ?? "-"} MB`.padStart(9),
      figure.engine,
    ].join(" "),
  );
  return figure;
}

function inThread(data: ExpandedThreadData): Promise<ExpandedTimes> {
  const { promise, resolve, reject } = Promise.withResolvers<ExpandedTimes>();
  const worker = new Worker(new URL("./expanded-thread.ts", import.meta.url), { workerData: data });
  worker.once("message", resolve).once("error", reject);
  return promise;
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "cos-bench-fhe-"));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
