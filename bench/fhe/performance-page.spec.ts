import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type BenchReport, performancePage } from "./performance-page.ts";

const figure = {
  source: "directory",
  samples: 25_000,
  markers: 20_000,
  phenotype: "complete",
  engine: "native (avx512)",
  reduceSeconds: 2,
};
const made: BenchReport = {
  measuredAt: "2026-01-02",
  kernels: {
    profile: "p",
    cpu: "a CPU",
    samples: 1_000,
    markers: 28_501,
    figures: [
      {
        engine: "avx512",
        threads: 2,
        kernel: "unpack and expand",
        seconds: 1,
        genotypesPerSecond: 1e9,
        bytesPerSecond: 1.6e10,
        ofReading: 0.5,
        timesNodeSeal: null,
      },
    ],
  },
  pipeline: {
    cores: 2,
    readAheadMebibytes: 128,
    figures: [1.25, 1].map((evaluateSeconds, i) => ({
      ...(figure as typeof figure & { source: "directory"; phenotype: "complete" }),
      processes: 1 + i,
      cores: 2,
      threadsPerProcess: 2 - i,
      evaluateSeconds,
      genotypesPerSecond: 5e8 / evaluateSeconds,
      bytesPerSecond: 3.2e9 / evaluateSeconds,
      peakEvaluateMegabytes: 400,
      peakResidentMegabytes: 900,
    })),
    encryptions: [],
    ceilings: [],
    large: { samples: 25_000, markers: 20_000, bytes: 3.2e9, diskBytesPerSecond: 4e9 },
  },
  owner: { peakResidentMegabytes: 500, figures: [] },
};

describe("the page of measured figures", () => {
  it("extrapolates from the best run of the large study", () => {
    const page = performancePage(made).replace(/\n/g, " ");
    expect(page).toContain("80 % of the slower of the two"); // 3.2 GB/s of 4 from the disk; expansion gives 6.4
    expect(page).toContain("1.7 minutes"); // 5e10 / 5e8 a second = 100 s
    expect(page).toContain("give 320 GB"); // 6.4 bytes a genotype
    expect(page).toContain("202 times as long"); // 5.6 h = 20,160 s
  });

  it("says what a second processor gives where one alone was measured", () => {
    const [threads, processes] = made.pipeline.figures;
    if (threads === undefined || processes === undefined) throw new Error("two figures");
    const alone = { ...threads, threadsPerProcess: 1, cores: 1, evaluateSeconds: 2 };
    const figures = [alone, threads, processes];
    const page = performancePage({ ...made, pipeline: { ...made.pipeline, figures } });
    expect(page).toContain("directory, 25000 x 20000, complete, 1 x 2: 1.60 times as fast"); // 2 s against 1.25 s
    expect(page).toContain("directory, 25000 x 20000, complete, 2 x 1: 2.00 times as fast");
    expect(performancePage(made)).not.toContain("times as fast");
  });

  it.each(["fhe", "fhe-busy"])("stands in docs/bench beside the figures that it shows: %s", (name) => {
    const kept = (ending: string) =>
      readFileSync(new URL(`../../docs/bench/${name}${ending}`, import.meta.url), "utf8");
    expect(performancePage(JSON.parse(kept(".json")))).toBe(kept(".md"));
  });

  it("leaves the large study out where it was not run", () => {
    const quick = { ...made, pipeline: { ...made.pipeline, large: null } };
    expect(performancePage(quick)).not.toContain("100,000 x 500,000");
  });
});
