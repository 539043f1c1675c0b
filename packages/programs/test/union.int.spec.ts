import { type DatasetKey, generateDatasetKey } from "@cos/fhe";
import { plaintextAssoc } from "@cos/genomics";
import { unwrap } from "@cos/protocol";
import { afterAll, expect, it } from "vitest";
import {
  allelicAssociation,
  type DatasetVersion,
  EvaluationPool,
  encryptDataset,
  openResult,
  type Program,
  planJob,
  recomputeResult,
} from "../src/index.ts";
import { listInMemory } from "./list-in-memory.ts";
import { memoryObjects } from "./memory-objects.ts";
import { type TinyCohort, tinyCohort } from "./tiny-cohort.ts";

const store = memoryObjects();
const pool = new EvaluationPool(2);
afterAll(() => pool.close());

async function site(cohort: TinyCohort): Promise<DatasetVersion & { key: DatasetKey }> {
  const key = await generateDatasetKey();
  const version = await encryptDataset({
    source: cohort.source,
    traits: [cohort.binary],
    site: "clinic",
    consentClass: ["DUO:0000042"],
    assembly: "GRCh38",
    key,
    sink: store.sink,
    effectiveAt: 0,
    threads: 1,
  });
  return { ...unwrap(version), key };
}

/** The usual test, and one sum that has no variant axis: how many cases there are. */
const program: Program = {
  ...allelicAssociation,
  sums: [...allelicAssociation.sums, { name: "cases", over: "sample", product: ["y.case"] }],
};

it("computes over two owners at once; each opens its own part, and only that", async () => {
  const cohorts = [tinyCohort(30, 5, "A"), tinyCohort(70, 6, "B")] as const;
  const [a, b] = [await site(cohorts[0]), await site(cohorts[1])];
  const manifests = [a.manifest, b.manifest];
  const plan = unwrap(planJob({ program, manifests, params: { trait: "affected" } }));
  expect(plan.contexts).toHaveLength(2);
  expect(plan.runs.map((r) => [r.dataset, r.rows])).toEqual([
    [0, 50],
    [1, 54],
    [1, 46],
  ]);
  const { bytes } = unwrap(await recomputeResult(pool, plan, store.read));
  for (const [dataset, { key }] of [a, b].entries()) {
    const { source, binary } = cohorts[dataset] as TinyCohort;
    const { sums } = unwrap(await openResult(plan, await listInMemory(bytes), key, dataset, { threads: 1 }));
    const plain = unwrap(await plaintextAssoc(source, binary));
    expect(sums.get("caseAlleles")?.map(Number)).toEqual(plain.map((c) => c.caseA1));
    expect(sums.get("controlCalled")?.map(Number)).toEqual(plain.map((c) => c.controlCalled));
    expect(sums.get("cases")).toEqual([BigInt(binary.status.filter((s) => s === 2).length)]);
  }
  const stranger = unwrap(await openResult(plan, await listInMemory(bytes), b.key, 0, { threads: 1 }));
  const plain = unwrap(await plaintextAssoc(cohorts[0].source, cohorts[0].binary));
  expect(stranger.sums.get("caseAlleles")?.map(Number)).not.toEqual(plain.map((c) => c.caseA1));
});
