import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Phenotype } from "./encrypted-cohort.ts";
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

  it("says how many jobs the published study is, where the size of the sums is known", () => {
    const pageOf = (resultBytes: number) => {
      const figures = made.pipeline.figures.map((f) => ({ ...f, resultBytes }));
      return performancePage({ ...made, pipeline: { ...made.pipeline, figures } });
    };
    // 5e10 genotypes are 100 times 25,000 x 20,000.
    expect(pageOf(296e6)).toContain(
      "Its encrypted sums are 29 GB (296 MB here), and a job's may be 5 GB: it is 6 jobs",
    );
    expect(pageOf(50e6)).toContain("Its encrypted sums are 5 GB (50 MB here).");
    expect(performancePage(made)).not.toContain("encrypted sums are");
  });

  it("shows what the largest worker had when it had reduced, where that was measured", () => {
    const figures = made.pipeline.figures.map((f, i) => (i === 0 ? { ...f, peakReduceMegabytes: 345 } : f));
    const page = performancePage({ ...made, pipeline: { ...made.pipeline, figures } });
    expect(page).toContain("| GB/s | MB | MB, reduced |");
    expect(page).toContain("| 2.56 | 400 | 345 |"); // 3.2 GB in 1.25 s
    expect(page).toContain("| 3.20 | 400 |  |");
    expect(page).not.toContain("holds the whole result");
    expect(performancePage(made)).not.toContain("MB, reduced");
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

  it("says what twice the people and twice the markers cost", () => {
    const [one] = made.pipeline.figures;
    if (one === undefined) throw new Error("a figure");
    const ran = (samples: number, markers: number, evaluateSeconds: number) => ({
      ...{ ...one, samples, markers, evaluateSeconds },
      ...{ cores: 1, processes: 1, threadsPerProcess: 1 },
    });
    const figures = [ran(1_000, 14_251, 1), ran(500, 28_501, 1.25), ran(1_000, 28_501, 2)];
    const page = performancePage({ ...made, pipeline: { ...made.pipeline, figures, large: null } });
    expect(page).toContain("- 1000 people, complete, 14251 to 28501 markers: 2.00 times as long");
    expect(page).toContain("- 28501 markers, complete, 500 to 1000 people: 1.60 times as long");
    expect(page.match(/times as long/g)).toHaveLength(2);
  });

  it("sets programs side by side at one size", () => {
    const [one] = made.pipeline.figures;
    if (one === undefined) throw new Error("a figure");
    const at = { samples: 500, markers: 1_000 };
    const ran = (phenotype: Phenotype, evaluateSeconds: number) => ({
      ...{ ...one, ...at, phenotype, evaluateSeconds, genotypesPerSecond: 5e5 / evaluateSeconds },
      ...{ cores: 1, resultBytes: 2.5e6 },
    });
    const figures = [ran("fixed", 0.05), ran("quantity", 0.25), { ...ran("complete", 0.1), markers: 9 }];
    const encrypted = { ...at, bytes: 3.5e6, seconds: 0.1, genotypesPerSecond: 5e6 };
    const encryptions = [{ ...encrypted, phenotype: "fixed" as const }];
    const page = performancePage({
      ...made,
      pipeline: { ...made.pipeline, figures, encryptions, large: null },
    });
    expect(page).toContain("What a program costs: 500 x 1000");
    expect(page).toContain("| allelic-association | fixed | 7.00 | 5.0 | 0.050 | 10 | 2.5 |");
    expect(page).toContain("| linear-regression | quantity |  |  | 0.250 | 2.0 | 2.5 |");
    expect(page).not.toContain("| allelic-association | complete |");
    expect(performancePage(made)).not.toContain("What a program costs");
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
