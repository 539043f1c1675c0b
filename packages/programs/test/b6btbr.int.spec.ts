import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { generateDatasetKey } from "@cos/fhe";
import {
  assocTsv,
  type GenotypeSource,
  openPlink,
  plaintextAssoc,
  plaintextQassoc,
  qassocTsv,
  readTrait,
} from "@cos/genomics";
import { parseVariantAxis, unwrap } from "@cos/protocol";
import { afterAll, describe, expect, it } from "vitest";
import {
  type AssociationResult,
  type EncryptRequest,
  EvaluationPool,
  encryptDataset,
  finalise,
  openResult,
  planJob,
  programFor,
  recomputeResult,
} from "../src/index.ts";
import { listInMemory } from "./list-in-memory.ts";
import { memoryObjects } from "./memory-objects.ts";

/** 544 mice of an intercross, and PLINK 1.9's answers; see shared/data/README.md. */
const data = new URL("../../../../shared/data/", import.meta.url).pathname;
const isHere = existsSync(`${data}b6btbr.bed`);
if (!isHere) console.warn("skipped: ../shared/data/b6btbr is not here");

const pool = new EvaluationPool(2);
const opened: GenotypeSource[] = [];
afterAll(() => Promise.all([pool.close(), ...opened.map((source) => source.close())]));

/** The last `count` markers of a source, as a source of their own. */
function tailOf(source: GenotypeSource, count: number): GenotypeSource {
  const skip = source.variants.length - count;
  const shift = <T extends { firstVariant: number }>(block: T): T => ({
    ...block,
    firstVariant: block.firstVariant - skip,
  });
  return {
    ...source,
    variants: source.variants.slice(skip),
    readBlock: async (first, n) => {
      const block = await source.readBlock(first + skip, n);
      return block.ok ? { ok: true, value: shift(block.value) } : block;
    },
    readCalls: async (first, n) => {
      const calls = await source.readCalls(first + skip, n);
      return calls.ok ? { ok: true, value: shift(calls.value) } : calls;
    },
  };
}

async function study(
  name: string,
  narrow: (source: GenotypeSource) => GenotypeSource,
  how: Pick<EncryptRequest, "fixTraits" | "layouts"> = {},
) {
  const whole = unwrap(await openPlink(`${data}b6btbr`, { species: "mouse" }));
  opened.push(whole);
  const source = narrow(whole);
  const { trait } = unwrap(await readTrait(source, { file: `${data}b6btbr.pheno.tsv`, column: name }));
  const key = await generateDatasetKey();
  const store = memoryObjects();
  const { manifest, ownerState } = unwrap(
    await encryptDataset({
      source,
      traits: [trait],
      site: "laboratory",
      consentClass: ["DUO:0000004"],
      assembly: "GRCm38",
      key,
      sink: store.sink,
      effectiveAt: 0,
      threads: 2,
      ...how,
    }),
  );
  const program = programFor(manifest.traits[0]!.kind);
  const params = { trait: name };
  const plan = unwrap(planJob({ program, manifests: [manifest], params }));
  const { bytes } = unwrap(await recomputeResult(pool, plan, store.read));
  const sums = unwrap(await openResult(plan, await listInMemory(bytes), key));
  const axis = unwrap(parseVariantAxis(await store.read(manifest.variantAxis.object)));
  return { source, trait, plan, table: unwrap(finalise(program, params, sums, axis, ownerState)) };
}

const plinkLines = (file: string): string[] =>
  gunzipSync(readFileSync(`${data}${file}`))
    .toString()
    .trim()
    .split("\n");
const linesOf = (table: AssociationResult): string[] =>
  (table.kind === "assoc" ? assocTsv(table.rows) : qassocTsv(table.rows)).trim().split("\n");

describe.skipIf(!isHere)("the B6 x BTBR intercross, encrypted", () => {
  it("counts every marker as plain arithmetic does, and prints what PLINK prints (tufted)", async () => {
    const { source, trait, table } = await study("tufted", (s) => s);
    if (trait.kind !== "case-control" || table.kind !== "assoc") throw new Error("a binary trait");
    expect(table.counts).toEqual(unwrap(await plaintextAssoc(source, trait)));
    expect(linesOf(table)).toEqual(plinkLines("b6btbr.tufted.plink1.9.assoc.tsv.gz"));
  }, 120_000);

  it("prints the same from six counters in one coefficient, some mice being neither case nor control", async () => {
    const how = { fixTraits: ["tufted"], layouts: [] };
    const { source, trait, table, plan } = await study("tufted", (s) => s, how);
    if (trait.kind !== "case-control" || table.kind !== "assoc") throw new Error("a binary trait");
    expect(trait.status).toContain(0);
    expect(plan.contractions).toMatchObject([{ degree: 1, weight: null }]);
    expect(table.counts).toEqual(unwrap(await plaintextAssoc(source, trait)));
    expect(linesOf(table)).toEqual(plinkLines("b6btbr.tufted.plink1.9.assoc.tsv.gz"));
  }, 120_000);

  it("sums insulin to its last decimal on chromosomes 18, 19 and X, and prints what PLINK prints", async () => {
    const { source, trait, table } = await study("log10_insulin_10wk", (s) => {
      const first = s.variants.findIndex((v) => v.contig.label === "18");
      return tailOf(s, s.variants.length - first);
    });
    if (trait.kind !== "quantitative" || table.kind !== "qassoc") throw new Error("a quantity");
    expect(table.sums).toEqual(unwrap(await plaintextQassoc(source, trait)));
    const wanted = plinkLines("b6btbr.log10_insulin_10wk.plink1.9.qassoc.tsv.gz").slice(
      -source.variants.length,
    );
    const isAutosomal = (line: string) => Number(line.split("\t")[0]) < 20;
    expect(linesOf(table).slice(1).filter(isAutosomal)).toEqual(wanted.filter(isAutosomal));
    expect(wanted.filter(isAutosomal).length).toBeGreaterThan(100);
  }, 120_000);
});
