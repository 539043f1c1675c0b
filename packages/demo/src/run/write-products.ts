import { writeFile } from "node:fs/promises";
import { availableParallelism, cpus, totalmem } from "node:os";
import { join } from "node:path";
import { genomicInflation } from "@cos/genomics";
import { callRateOf } from "../check/plaintext-path.ts";
import { topLoci } from "../check/top-loci.ts";
import type { DemoOptions } from "../demo-options.ts";
import { leftRows } from "../left/left-rows.ts";
import { logSightings } from "../left/log-sightings.ts";
import { objectSightings } from "../left/object-sightings.ts";
import { storeSightings } from "../left/store-sightings.ts";
import type { PlatformProcess } from "../platform/platform-process.ts";
import { auditRows } from "../report/audit-rows.ts";
import { methodsParagraphs } from "../report/methods.ts";
import type { ReportData } from "../report/report-data.ts";
import { reportPage } from "../report/report-page.ts";
import type { PlayOutcome } from "./play.ts";
import type { MemoryWatch } from "./process-memory.ts";
import type { StageClock } from "./stage-clock.ts";
import type { OutFolder } from "./work-folder.ts";

export interface Finished {
  readonly options: DemoOptions;
  readonly clock: StageClock;
  readonly out: OutFolder;
  readonly platform: PlatformProcess;
  readonly outcome: PlayOutcome;
  readonly memory: MemoryWatch;
  /** `performance.now()` at the start of the run. */
  readonly startedAt: number;
  readonly engine: string;
}

/** Reads what the stopped platform left behind, then writes report, audit trail and timings. */
export async function writeProducts(finished: Finished): Promise<{ summary: string[] }> {
  const { clock, out, outcome, memory, startedAt } = finished;
  const leftSources = await clock.run("check", "find what left the hospital", () => whatLeft(finished));
  const audit = {
    permitId: outcome.permitId,
    datasetId: outcome.published.published.datasetId,
    events: outcome.audit,
  };
  await writeFile(join(out.dir, "audit.json"), `${JSON.stringify(audit, null, 2)}\n`);
  const peak = await memory.stop();
  const totalSeconds = (performance.now() - startedAt) / 1000;
  const data = reportData(finished, { leftSources, totalSeconds, peakBytes: peak.peakBytes });
  await writeFile(join(out.dir, "report.html"), reportPage(data));
  await writeFile(
    join(out.dir, "timings.json"),
    `${JSON.stringify(timings(finished, data, peak.processes), null, 2)}\n`,
  );
  const { comparison, plaintextSeconds } = outcome;
  const verdict = comparison.equal
    ? `equal: all ${comparison.countsCompared.toLocaleString("en")} opened counts are those of the plaintext path`
    : `DIFFERENT: ${comparison.firstDifference}`;
  return {
    summary: [
      "",
      verdict,
      `computed by two workers who agreed on every byte: ${finished.engine}`,
      `${totalSeconds.toFixed(1)} s in all (plaintext: ${plaintextSeconds.toFixed(2)} s), peak memory ${(peak.peakBytes / 2 ** 30).toFixed(2)} GiB in ${peak.processes} processes`,
      `report: ${join(out.dir, "report.html")}`,
    ],
  };
}

async function whatLeft({ out, outcome, platform }: Finished): Promise<string[]> {
  const { sightings, audit } = outcome;
  const kinds = await objectSightings(join(out.platform, "objects", "store"), sightings);
  const { rows, messages } = await storeSightings(
    join(out.platform, "store"),
    platform.platform.region,
    sightings,
  );
  const lines = await logSightings(platform.logFile, sightings);
  const objects = kinds.map(
    ({ kind, objects, bytes }) => `${objects} x ${kind}, ${(bytes / 1e6).toFixed(1)} MB`,
  );
  return [
    `Chain: every transaction and log of the platform's contracts, ${audit.length} of them about this study`,
    `Object store: ${objects.join("; ")}`,
    `Calls and events: every request of hospital and researcher, and ${messages.toLocaleString("en")} published events`,
    `Service database: ${rows.toLocaleString("en")} rows`,
    `Logs: ${lines.toLocaleString("en")} lines`,
  ];
}

function reportData(
  { options, clock, outcome, engine }: Finished,
  measured: { leftSources: string[]; totalSeconds: number; peakBytes: number },
): ReportData {
  const { cohort, source, trait, handedOver, comparison, published, quote } = outcome;
  const { result } = handedOver.opened;
  const rows = result.rows;
  const people = source.samples.length;
  const chisq =
    result.kind === "assoc" ? result.rows.map((row) => row.chisq) : result.rows.map((row) => square(row.t));
  return {
    title: cohort.simulated
      ? "Encrypted association study of a simulated cohort"
      : `Encrypted association study of ${cohort.traitName}`,
    cohort: {
      source: cohort.source,
      simulated: cohort.simulated,
      species: options.species,
      people,
      groups: groupsOf(outcome),
      variants: source.variants.length,
      callRate: callRateOf(outcome.plain, source),
    },
    trait: { name: cohort.traitName, kind: trait.kind === "case-control" ? "binary" : "quantitative" },
    program: outcome.program,
    points: rows.map(({ variant, p }) => ({ contig: variant.contig.label, position: variant.position, p })),
    lambda: genomicInflation(chisq),
    topLoci: topLoci(result, cohort.planted, 10),
    check: comparison,
    release: releaseOf(outcome),
    money: outcome.money,
    audit: auditRows(outcome.audit),
    stages: clock.stages,
    left: leftRows(outcome.sightings.list()),
    leftSources: measured.leftSources,
    methods: methodsParagraphs({
      cohort,
      simulation: options.simulation,
      people,
      rowsPadded: published.encrypted.rowsPadded,
      result,
      program: outcome.program.name,
      quote,
      decimals: result.kind === "qassoc" ? result.sums[0]?.decimals : undefined,
      engine,
      readerNotes: { ...source.notes },
    }),
    plaintextSeconds: outcome.plaintextSeconds,
    totalSeconds: measured.totalSeconds,
    peakMemoryBytes: measured.peakBytes,
  };
}

const square = (t: number | null): number | null => (t === null ? null : t * t);

function groupsOf({ trait }: PlayOutcome): ReportData["cohort"]["groups"] {
  if (trait.kind === "quantitative") {
    return [{ label: "With a value", people: trait.values.filter((value) => value !== null).length }];
  }
  const count = (code: number) => trait.status.reduce((sum, status) => sum + Number(status === code), 0);
  return [
    { label: "Cases", people: count(2) },
    { label: "Controls", people: count(1) },
  ];
}

const suppressedWords: Readonly<Record<string, string>> = {
  group: "a group of fewer than 100 people at the marker",
  minorAlleles: "fewer than 20 copies of the rarer allele, groups pooled",
  carriers: "fewer than 21 carriers of an allele in a group",
  notLead: "not a lead locus",
};

function releaseOf({ handedOver }: PlayOutcome): ReportData["release"] {
  const { released, refusal } = handedOver;
  if (released === undefined) {
    return { class: "controlled", released: 0, tableDigest: undefined, refusal, suppressed: [] };
  }
  const suppressed = Object.entries(released.suppressed)
    .filter(([reason, rows]) => reason !== "total" && rows > 0)
    .map(([reason, rows]) => ({ reason: suppressedWords[reason] ?? reason, rows }));
  return {
    class: released.class,
    released: released.released,
    tableDigest: released.tableDigest,
    refusal: undefined,
    suppressed,
  };
}

function timings({ options, outcome, engine }: Finished, data: ReportData, processes: number) {
  const { cohort, quote, job } = outcome;
  return {
    format: "cos-demo-timings/1",
    totalSeconds: data.totalSeconds,
    plaintextSeconds: outcome.plaintextSeconds,
    peakMemoryBytes: data.peakMemoryBytes,
    memoryOf: processes > 1 ? `${processes} processes, resident bytes summed` : "this process alone",
    stages: data.stages,
    cohort: {
      source: cohort.source,
      simulated: cohort.simulated,
      people: data.cohort.people,
      variants: data.cohort.variants,
    },
    job: {
      program: outcome.program.name,
      tasks: quote.tasks,
      inputBytes: quote.inputBytes,
      resultBytes: quote.resultBytes,
      bytesRead: job.bytesRead,
      computeSeconds: job.computeSeconds,
    },
    countsCompared: outcome.comparison.countsCompared,
    equal: outcome.comparison.equal,
    fee: options.free ? "none" : quote.fee.total,
    engine,
    machine: {
      cpu: cpus()[0]?.model ?? "unknown",
      cores: availableParallelism(),
      memoryBytes: totalmem(),
      platform: `${process.platform} ${process.arch}`,
      node: process.version,
    },
  };
}
