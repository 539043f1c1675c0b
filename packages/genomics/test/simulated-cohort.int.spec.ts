import { readFile } from "node:fs/promises";
import { unwrap } from "@cos/protocol";
import { describe, expect, it } from "vitest";
import { genomicInflation, openPlink, SIMULATED_TRAITS, simulateCohort, writeCohort } from "../src/index.ts";
import { assocTable, qassocTable } from "./plaintext-tables.ts";
import { tempFolder } from "./temp-folder.ts";

const { path } = await tempFolder();
const GENOME_WIDE = 5e-8;

describe("simulateCohort", () => {
  it("spreads the sites evenly over the chromosomes that were asked for", () => {
    const { source } = simulateCohort({ samples: 20, variants: 303, chromosomes: 3 });
    const perContig = Map.groupBy(source.variants, ({ contig }) => contig.label);
    expect([...perContig].map(([label, sites]) => [label, sites.length])).toEqual([
      ["1", 101],
      ["2", 101],
      ["3", 101],
    ]);
  });

  it("is the same for the same seed and another for another", async () => {
    const small = { samples: 40, variants: 300 };
    const bytes = async (seed: number) => {
      unwrap(await writeCohort(path(`seed${seed}`), simulateCohort({ ...small, seed })));
      return Promise.all([
        readFile(path(`seed${seed}.bed`)),
        readFile(path(`seed${seed}.pheno.tsv`), "utf8"),
      ]);
    };
    const first = await bytes(7);
    expect(await bytes(7)).toEqual(first);
    expect(await bytes(8)).not.toEqual(first);
  });

  it("covers every autosome in order, at distinct positions, with the missing rate asked for", async () => {
    const { source } = simulateCohort({ samples: 200, variants: 2_000, missingRate: 0.05, causal: 0 });
    expect(source.variants).toHaveLength(2_000);
    expect(new Set(source.variants.map(({ contig }) => contig.code)).size).toBe(22);
    const places = source.variants.map(({ contig, position }) => contig.code! * 1e9 + position);
    expect(places.every((place, i) => i === 0 || place > places[i - 1]!)).toBe(true);
    const { codes } = unwrap(await source.readCalls(0, 2_000));
    expect(codes.filter((code) => code === 1).length / codes.length).toBeCloseTo(0.05, 2);
  });

  it("refuses cohorts that cannot be", () => {
    expect(() => simulateCohort({ samples: 3 })).toThrow(RangeError);
    expect(() => simulateCohort({ causal: 23 })).toThrow(RangeError);
    expect(() => simulateCohort({ chromosomes: 2, causal: 3 })).toThrow(RangeError);
  });
});

it("the default cohort, written and read again, shows its three loci and no inflation", async () => {
  const cohort = simulateCohort();
  unwrap(await writeCohort(path("default"), cohort));
  const source = unwrap(await openPlink(path("default")));
  const file = path("default.pheno.tsv");
  const assoc = await assocTable(source, { file, column: SIMULATED_TRAITS.caseControl });
  const qassoc = await qassocTable(source, { file, column: SIMULATED_TRAITS.quantitative });
  await source.close();

  expect([source.samples.length, source.variants.length, cohort.planted.length]).toEqual([1_000, 20_000, 3]);
  for (const { variantIndex } of cohort.planted) {
    expect(Number(assoc[variantIndex]!.P)).toBeLessThan(GENOME_WIDE);
    expect(Number(qassoc[variantIndex]!.P)).toBeLessThan(GENOME_WIDE);
  }
  const planted = new Set(cohort.planted.map(({ variant }) => variant.contig.label));
  const strays = assoc.filter(({ CHR, P }) => Number(P) < GENOME_WIDE && !planted.has(CHR));
  expect(strays).toEqual([]);
  expect(genomicInflation(assoc.map(({ CHISQ }) => (CHISQ === "NA" ? null : Number(CHISQ))))).toBeCloseTo(
    1,
    0,
  );
});

it("neighbours are in linkage disequilibrium, distant sites are not", async () => {
  const { source } = simulateCohort({ samples: 400, missingRate: 0 });
  const { alleles, samples } = unwrap(await source.readBlock(0, 1_000));
  const meanR2 = (lag: number) => {
    const values = Array.from({ length: 100 }, (_, i) => r2(alleles, samples, 5 * i, 5 * i + lag));
    return values.reduce((sum, value) => sum + value, 0) / values.length;
  };
  expect(meanR2(1)).toBeGreaterThan(0.1);
  expect(meanR2(400)).toBeLessThan(0.02);
});

function r2(alleles: Uint8Array, samples: number, a: number, b: number): number {
  let [x, y, xx, yy, xy] = [0, 0, 0, 0, 0];
  for (let s = 0; s < samples; s++) {
    const [ga, gb] = [alleles[a * samples + s]!, alleles[b * samples + s]!];
    x += ga;
    y += gb;
    xx += ga * ga;
    yy += gb * gb;
    xy += ga * gb;
  }
  const variances = (samples * xx - x * x) * (samples * yy - y * y);
  return variances === 0 ? 0 : (samples * xy - x * y) ** 2 / variances;
}
