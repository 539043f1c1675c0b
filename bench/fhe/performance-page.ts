import { maxResultBytes } from "@cos/programs";
import type { Phenotype } from "./encrypted-cohort.ts";
import type { KernelFigure } from "./kernels.ts";
import type { OwnerFigure } from "./owner.ts";
import type { CeilingFigure, PipelineFigure } from "./pipeline.ts";

/** What one run of `npm run bench:fhe` measured. */
export type BenchReport = {
  measuredAt: string;
  kernels: { profile: string; cpu: string; samples: number; markers: number; figures: KernelFigure[] };
  pipeline: {
    cores: number;
    readAheadMebibytes: number;
    figures: PipelineFigure[];
    encryptions: {
      samples: number;
      markers: number;
      phenotype: Phenotype;
      bytes: number;
      seconds: number;
      genotypesPerSecond: number;
    }[];
    ceilings: CeilingFigure[];
    large: { samples: number; markers: number; bytes: number; diskBytesPerSecond: number } | null;
  };
  owner: { peakResidentMegabytes: number; figures: OwnerFigure[] };
};

/** Genotypes of 100,000 people at 500,000 markers, and the seconds that Blatt et al. (PNAS 2020) state for that study. */
const published = { genotypes: 100_000 * 500_000, seconds: 5.6 * 3_600 };

/** The figures as a page of Markdown: every number in it is in the report. */
export function performancePage(report: BenchReport): string {
  const { kernels, pipeline, owner } = report;
  const showsReduce = pipeline.figures.some((f) => f.peakReduceMegabytes !== undefined);
  return [
    "# Computing on ciphertexts: measured",
    "",
    `Written by \`npm run bench:fhe\` on ${report.measuredAt}: ${kernels.cpu}, ${pipeline.cores} cores, profile \`${kernels.profile}\`.`,
    "Times are the best of several; a run on a machine that does other work shows too little.",
    "",
    `## Kernels, ${kernels.samples} x ${kernels.markers}`,
    "",
    "`of read`: bytes a second over those that the same threads merely read from memory. `x SEAL`: genotypes a second over",
    "those of node-seal doing the same one ciphertext at a time.",
    "",
    table(
      ["engine", "threads", "kernel", "M genotypes/s", "GB/s", "of read", "x SEAL"],
      kernels.figures.map((f) => [
        f.engine,
        f.threads,
        f.kernel,
        millions(f.genotypesPerSecond),
        giga(f.bytesPerSecond),
        f.ofReading === null ? "" : f.ofReading.toFixed(2),
        f.timesNodeSeal === null ? "" : f.timesNodeSeal.toFixed(1),
      ]),
    ),
    "",
    "## Whole studies",
    "",
    "Missing calls; tasks as the planner cuts them, run by the worker service's own code; counts opened from every result equal",
    "plain arithmetic on every marker. Phenotype: encrypted separately for an allelic test (`complete`: everybody has one;",
    "`incomplete`: one in eight has none, and cases and controls are a ciphertext and a product each), `fixed` at encryption for the",
    "same test by one sum, or a `quantity` for a linear regression. `evaluate`: all map tasks.",
    `Ciphertext read ahead: at most ${pipeline.readAheadMebibytes} MiB a worker. Memory: the largest worker process while it`,
    showsReduce
      ? "evaluates, and once it has reduced too. Processes were held to so many processors (`cores`)."
      : "evaluates; the reduce task holds the whole result besides. Processes were held to so many processors (`cores`).",
    "",
    table(
      [
        "from",
        "people x markers",
        "phenotype",
        "processes x threads",
        "cores",
        "evaluate s",
        "reduce s",
        "M genotypes/s",
        "GB/s",
        "MB",
        ...(showsReduce ? ["MB, reduced"] : []),
      ],
      pipeline.figures.map((f) => [
        f.source,
        `${f.samples} x ${f.markers}`,
        f.phenotype,
        `${f.processes} x ${f.threadsPerProcess}`,
        f.cores ?? "all",
        f.evaluateSeconds.toFixed(3),
        f.source === "memory, expanded" ? "" : f.reduceSeconds.toFixed(3),
        millions(f.genotypesPerSecond),
        giga(f.bytesPerSecond),
        f.peakEvaluateMegabytes ?? "",
        ...(showsReduce ? [f.peakReduceMegabytes ?? ""] : []),
      ]),
    ),
    "",
    ...scalingSection(report),
    ...growthSection(report),
    ...programSection(report),
    ...largeSection(report),
    "## The owner's side",
    "",
    table(
      ["step", "threads", "us a ciphertext", "M genotypes/s"],
      owner.figures.map((f) => [
        f.step,
        f.threads,
        f.microsecondsPerCiphertext.toFixed(1),
        millions(f.genotypesPerSecond),
      ]),
    ),
    "",
    table(
      [
        "cohort encrypted into the directory store",
        "phenotype",
        "MB",
        "bytes a genotype",
        "s",
        "M genotypes/s",
      ],
      pipeline.encryptions.map((e) => [
        `${e.samples} x ${e.markers}`,
        e.phenotype,
        (e.bytes / 1e6).toFixed(0),
        (e.bytes / (e.samples * e.markers)).toFixed(2),
        e.seconds.toFixed(1),
        millions(e.genotypesPerSecond),
      ]),
    ),
    "",
  ].join("\n");
}

/** What a second processor gives, for each study that ran on one and on two. */
function scalingSection({ pipeline: { figures } }: BenchReport): string[] {
  const held = figures.filter((f) => f.cores !== null);
  const lines = held
    .filter((f) => f.cores === 1)
    .flatMap((one) => {
      const same = held.filter(
        (f) =>
          f.cores === 2 &&
          f.source === one.source &&
          f.phenotype === one.phenotype &&
          f.samples === one.samples &&
          f.markers === one.markers,
      );
      return same.map(
        (two) =>
          `- ${one.source}, ${one.samples} x ${one.markers}, ${one.phenotype}, ${two.processes} x ${two.threadsPerProcess}: ${(one.evaluateSeconds / two.evaluateSeconds).toFixed(2)} times as fast`,
      );
    });
  if (lines.length === 0) return [];
  return [
    "Two processors against one, with as many threads (1 x 2) or as many processes (2 x 1):",
    "",
    ...lines,
    "",
  ];
}

/** What twice the people and twice the markers cost one worker with one thread, for each pair of studies that ran. */
function growthSection({ pipeline: { figures } }: BenchReport): string[] {
  const alone = figures.filter((f) => f.source === "directory" && f.cores === 1);
  const lines = alone.flatMap((small) =>
    alone
      .filter((f) => f.phenotype === small.phenotype)
      .flatMap((large) => {
        const [people, markers] = [large.samples / small.samples, large.markers / small.markers];
        const what =
          markers === 1
            ? `${small.markers} markers, `
            : people === 1
              ? `${small.samples} people, `
              : undefined;
        const isTwice = Math.abs(people * markers - 2) < 0.01;
        if (what === undefined || !isTwice) return [];
        const [from, to, unit] =
          people === 1 ? [small.markers, large.markers, "markers"] : [small.samples, large.samples, "people"];
        const times = large.evaluateSeconds / small.evaluateSeconds;
        return [`- ${what}${large.phenotype}, ${from} to ${to} ${unit}: ${times.toFixed(2)} times as long`];
      }),
  );
  if (lines.length === 0) return [];
  return ["Twice the people or twice the markers, one thread, from the directory store:", "", ...lines, ""];
}

/** What each program and layout costs at one size. */
function programSection({ pipeline: { figures, encryptions } }: BenchReport): string[] {
  const quantity = figures.find((f) => f.phenotype === "quantity" && f.cores === 1);
  if (quantity === undefined) return [];
  const { samples, markers, source } = quantity;
  const same = figures.filter(
    (f) => f.source === source && f.samples === samples && f.markers === markers && f.cores === 1,
  );
  const genotypes = samples * markers;
  return [
    `What a program costs: ${samples} x ${markers}, one thread, from the directory store.`,
    "",
    table(
      [
        "program",
        "phenotype",
        "bytes a genotype",
        "encrypted, M genotypes/s",
        "evaluate s",
        "M genotypes/s",
        "result MB",
      ],
      same.map((f) => {
        const encrypted = encryptions.find(
          (e) => e.phenotype === f.phenotype && e.samples === samples && e.markers === markers,
        );
        return [
          f.phenotype === "quantity" ? "linear-regression" : "allelic-association",
          f.phenotype,
          encrypted === undefined ? "" : (encrypted.bytes / genotypes).toFixed(2),
          encrypted === undefined ? "" : millions(encrypted.genotypesPerSecond),
          f.evaluateSeconds.toFixed(3),
          millions(f.genotypesPerSecond),
          f.resultBytes === undefined ? "" : (f.resultBytes / 1e6).toFixed(1),
        ];
      }),
    ),
    "",
  ];
}

/** Half a billion genotypes beside their ceilings, and what follows for fifty billion. */
function largeSection({ kernels, pipeline }: BenchReport): string[] {
  const { large } = pipeline;
  if (large === null) return [];
  const ran = pipeline.figures.filter((f) => f.samples === large.samples && f.markers === large.markers);
  const best = ran.reduce((a, b) => (b.evaluateSeconds < a.evaluateSeconds ? b : a));
  const expand = kernels.figures.find(
    (f) => f.engine !== "node-seal" && f.threads === 2 && f.kernel === "unpack and expand",
  );
  const bytesPerGenotype = large.bytes / (large.samples * large.markers);
  const expansion = (expand?.genotypesPerSecond ?? Number.NaN) * bytesPerGenotype;
  const ceiling = Math.min(
    large.diskBytesPerSecond,
    Number.isNaN(expansion) ? Number.POSITIVE_INFINITY : expansion,
  );
  const seconds = published.genotypes / best.genotypesPerSecond;
  return [
    `## ${large.samples} x ${large.markers} from a cold disk, and what follows for 100,000 x 500,000`,
    "",
    `The disk alone gives ${giga(large.diskBytesPerSecond)} GB/s (four readers, nothing in the page cache); two cores expand`,
    `packed ciphertexts at ${giga(expansion)} GB/s. The pipeline reads ${giga(best.bytesPerSecond)} GB/s:`,
    `${percent(best.bytesPerSecond / ceiling)} of the slower of the two, in ${best.peakEvaluateMegabytes} MB a worker.`,
    "",
    `100,000 x 500,000 = 5.0e10 genotypes, over ${millions(best.genotypesPerSecond)} million a second measured here, is`,
    `${(seconds / 60).toFixed(1)} minutes on these ${pipeline.cores} cores, if the disk goes on giving what it gave: it has to`,
    `give ${((published.genotypes * bytesPerGenotype) / 1e9).toFixed(0)} GB in that time. Blatt, Gusev, Polyakov and Goldwasser (PNAS 2020) state 5.6`,
    `hours on one server node for 100,000 people and 500,000 markers, extrapolated from a smaller study as this is:`,
    `${(published.seconds / seconds).toFixed(0)} times as long.`,
    ...resultSentence(best),
    "",
    "*The same:* genotypes and phenotype are encrypted, the server sees neither, the size of the study, and that it is an",
    "extrapolation (work here is linear in both sizes; the table above shows how far). *Not the same:* theirs is a chi-square",
    "and a logistic approximation with covariates, whose statistics the server computes under encryption, in a scheme that is",
    "approximate and packs people; ours are the exact counts of an allelic test, finished by the key holder in the clear, who",
    "fetches and opens the sums (not in these times; the reduce column and the owner's table say what that costs).",
    "Neither time includes encryption, and the machines differ.",
    "",
  ];
}

/** Whether the published study would be one job. */
function resultSentence({ samples, markers, resultBytes }: PipelineFigure): string[] {
  if (resultBytes === undefined) return [];
  const whole = (published.genotypes / (samples * markers)) * resultBytes;
  const jobs = Math.ceil(whole / maxResultBytes);
  const sizes = `Its encrypted sums are ${giga(whole).replace(/\..*/, "")} GB (${(resultBytes / 1e6).toFixed(0)} MB here)`;
  return jobs === 1
    ? [`${sizes}.`]
    : [
        `${sizes}, and a job's may be ${maxResultBytes / 1e9} GB: it is ${jobs} jobs or more, a dataset of some chromosomes each.`,
      ];
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

const millions = (perSecond: number): string => (perSecond / 1e6).toFixed(perSecond < 1e7 ? 1 : 0);
const giga = (perSecond: number): string => (perSecond / 1e9).toFixed(2);
const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
