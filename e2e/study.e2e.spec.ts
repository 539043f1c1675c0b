import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { parseDemoOptions, runDemo, silentScreen } from "@cos/demo";
import { unwrap } from "@cos/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { patience } from "./support/patience.ts";

const shared = fileURLToPath(new URL("../../shared/data/", import.meta.url));
const hasMice = existsSync(join(shared, "b6btbr.bed"));
if (!hasMice) console.warn("skipped: ../shared/data/b6btbr is not here");
let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "cos-study-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function demo(out: string, ...args: string[]) {
  const options = unwrap(parseDemoOptions([...args, "--out", out], dir));
  if (options === undefined) throw new TypeError("these arguments ask for a run");
  return runDemo(options, silentScreen, new AbortController().signal);
}

const read = (...names: string[]): Promise<string> => readFile(join(dir, ...names), "utf8");
const fieldsOf = (table: string): string[][] =>
  table
    .trimEnd()
    .split("\n")
    .map((line) => line.trim().split(/\s+/));

describe.skipIf(!hasMice)("the mice of ../shared/data (skipped where they are missing)", () => {
  it(
    "give PLINK's table, field by field as printed, from ciphertext",
    async () => {
      const mice = [
        "--bfile",
        `${shared}b6btbr`,
        "--pheno",
        `${shared}b6btbr.pheno.tsv`,
        "--species",
        "mouse",
      ];
      const outcome = await demo("tufted", ...mice, "--pheno-name", "tufted");
      expect(outcome).toEqual({ equal: true, countsCompared: 6 * 2_057 });

      const ours = await read("tufted", "owner", "association.tsv");
      const plink = gunzipSync(await readFile(`${shared}b6btbr.tufted.plink1.9.assoc.tsv.gz`)).toString();
      expect(ours.split("\n")[0]).toBe("CHR\tSNP\tBP\tA1\tF_A\tF_U\tA2\tCHISQ\tP\tOR");
      expect(fieldsOf(ours)).toEqual(fieldsOf(plink));
      const peak = fieldsOf(ours)
        .slice(1)
        .sort((a, b) => Number(b[7]) - Number(a[7]))[0];
      expect(peak).toMatchObject({ 0: "17", 1: "rs3700924", 7: "209.6" });
    },
    patience,
  );
});

describe("a quantitative trait of simulated people", () => {
  it(
    "is recognised by name, equals the plaintext path, and leaves every product of a run",
    async () => {
      const outcome = await demo(
        "quantity",
        ...["--program", "linear-regression", "--people", "250", "--variants", "60", "--chromosomes", "3"],
      );
      expect(outcome).toEqual({ equal: true, countsCompared: 9 * 60 });
      const [head = [], ...rows] = fieldsOf(await read("quantity", "owner", "association.tsv"));
      expect(head).toEqual(["CHR", "SNP", "BP", "NMISS", "BETA", "SE", "R2", "T", "P"]);
      expect(rows).toHaveLength(60);
      const release = fieldsOf(await read("quantity", "release", "association.tsv"));
      expect(release[0]).toEqual(["CHR", "SNP", "BP", "EA", "NEA", "EFFECT", "SE", "P", "N", "EAF"]);
      expect(release.length - 1).toBeLessThanOrEqual(60);

      const timings = JSON.parse(await read("quantity", "timings.json"));
      expect(timings).toMatchObject({ equal: true, cohort: { simulated: true, people: 250, variants: 60 } });
      expect(timings.peakMemoryBytes).toBeGreaterThan(100_000_000);
      expect(timings.stages.map(({ name }: { name: string }) => name)).toContain("encrypt at home");
      const audit = JSON.parse(await read("quantity", "audit.json")).events.map(
        ({ event }: { event: string }) => event,
      );
      expect(audit).toEqual(
        expect.arrayContaining([
          "AccessRequested",
          "AccessGranted",
          "JobPermitIssued",
          "JobResultPosted",
          "JobReleased",
        ]),
      );
      const report = await read("quantity", "report.html");
      for (const words of [
        "simulated cohort",
        "unadjusted",
        "Genomic inflation",
        "What left the hospital",
        "<svg",
      ]) {
        expect(report).toContain(words);
      }
      expect(report).not.toContain("not described");
      expect(report).not.toMatch(/<script|src=|https?:\/\/(?!www\.w3\.org)/);
      expect(existsSync(join(dir, "quantity", "work"))).toBe(false);
    },
    patience,
  );
});
