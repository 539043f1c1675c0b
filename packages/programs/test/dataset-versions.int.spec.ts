import { generateDatasetKey, openBlock } from "@cos/fhe";
import { plaintextAssoc } from "@cos/genomics";
import { checkManifest, manifestCommitment, rowsOf, unwrap } from "@cos/protocol";
import { describe, expect, it } from "vitest";
import {
  addTrait,
  allelicAssociation,
  appendSegment,
  type DatasetVersion,
  effectiveCohort,
  objectsOf,
  openResult,
  planJob,
  recomputeResult,
  withdrawRows,
} from "../src/index.ts";
import { clinicStudy } from "./clinic-study.ts";
import { listInMemory } from "./list-in-memory.ts";
import { tinyCohort } from "./tiny-cohort.ts";

const study = clinicStudy();

describe("new people, new traits, withdrawals", () => {
  it("appends a segment that is counted with the first", async () => {
    const { cohort, store, key, dataset, tableOf } = study();
    const more = tinyCohort(40, 2, "Q");
    const appended = unwrap(
      await appendSegment(dataset, {
        source: more.source,
        traits: [more.binary],
        site: "clinic",
        consentClass: ["DUO:0000042"],
        key,
        sink: store.sink,
        effectiveAt: 1_700_000_100,
        threads: 2,
      }),
    );
    expect(appended.manifest.version).toMatchObject({ n: 2, parent: manifestCommitment(dataset.manifest) });
    expect(appended.manifest.segments[1]).toMatchObject({
      id: "s2",
      firstRow: 150,
      rowsPadded: 50,
      addedIn: 2,
    });
    const table = await tableOf(allelicAssociation, appended);
    const [before, added] = [
      unwrap(await plaintextAssoc(cohort.source, cohort.binary)),
      unwrap(await plaintextAssoc(more.source, more.binary)),
    ];
    const keys = Object.keys(before[0]!) as (keyof (typeof before)[number])[];
    const expected = before.map((c, v) => Object.fromEntries(keys.map((k) => [k, c[k] + added[v]![k]])));
    expect(table.kind === "assoc" && table.counts).toEqual(expected);
  });

  it("refuses people who were typed elsewhere on the genome, and another key", async () => {
    const { store, key, dataset } = study();
    const other = tinyCohort(10, 3, "R");
    const request = {
      source: { ...other.source, variants: [...other.source.variants].reverse() },
      traits: [],
      site: "clinic",
      consentClass: ["DUO:0000042"],
      key,
      sink: store.sink,
      effectiveAt: 0,
    };
    expect(await appendSegment(dataset, request)).toMatchObject({ error: { code: "VARIANT_AXIS_MISMATCH" } });
    const stranger = await generateDatasetKey();
    expect(await appendSegment(dataset, { ...request, key: stranger })).toMatchObject({
      error: { code: "CONTEXT_MISMATCH" },
    });
  });

  it("withdraws people: rows gone from every object, counts as without them, others untouched", async () => {
    const { cohort, store, dataset, tableOf } = study();
    const leaving = ["P3", "P64", "P129"];
    const withdrawn = unwrap(
      await withdrawRows(dataset, { people: leaving, read: store.read, sink: store.sink, effectiveAt: 2 }),
    );
    const { manifest } = withdrawn;
    expect(checkManifest(JSON.parse(JSON.stringify(manifest))).ok).toBe(true);
    expect(manifest.version).toMatchObject({ n: 2, reason: "withdraw" });
    expect(rowsOf(manifest.segments[0]!.deletedRows)).toEqual(withdrawn.rows);
    const still = new Set(objectsOf(manifest).map((o) => o.digest));
    expect(withdrawn.obsolete.every((o) => !still.has(o.digest))).toBe(true);
    for (const object of objectsOf(manifest).slice(1)) {
      const block = unwrap(openBlock(await store.read(object)));
      expect([...block.streamIndexes].some((row) => withdrawn.rows.includes(row))).toBe(false);
    }

    const status = cohort.binary.status.slice();
    const kept = { ...cohort.source };
    kept.readCalls = async (first, count) => {
      const calls = unwrap(await cohort.source.readCalls(first, count));
      const codes = calls.codes.slice();
      for (const [s, sample] of cohort.source.samples.entries()) {
        if (!leaving.includes(sample.id)) continue;
        for (let v = 0; v < count; v += 1) codes[v * calls.samples + s] = 1; // no call: adds to no count
      }
      return { ok: true, value: { ...calls, codes } };
    };
    const expected = unwrap(await plaintextAssoc(kept, { ...cohort.binary, status }));
    const table = await tableOf(allelicAssociation, withdrawn);
    expect(table.kind === "assoc" && table.counts).toEqual(expected);

    const cohortOf = (v: DatasetVersion) =>
      effectiveCohort(v.manifest, v.ownerState, "height", ["s1"]).length;
    expect(cohortOf(dataset) - cohortOf(withdrawn)).toBeGreaterThan(0);
    expect(
      await withdrawRows(withdrawn, { people: leaving, read: store.read, sink: store.sink, effectiveAt: 3 }),
    ).toEqual({ ok: false, error: { code: "SAMPLE_UNKNOWN", unknown: 3 } });
  });

  it("adds a trait without touching genotypes, deleted rows staying away", async () => {
    const { cohort, store, key, pool, dataset, tableOf } = study();
    const withdrawn = unwrap(
      await withdrawRows(dataset, { people: ["P5"], read: store.read, sink: store.sink, effectiveAt: 2 }),
    );
    const trait = {
      ...cohort.binary,
      name: "second",
      status: cohort.binary.status.map((s) => (s === 0 ? 0 : 3 - s)),
    };
    const added = unwrap(
      await addTrait(withdrawn, {
        trait,
        people: cohort.source.samples,
        key,
        sink: store.sink,
        effectiveAt: 3,
        threads: 1,
      }),
    );
    const arraysOf = (v: DatasetVersion) => v.manifest.arrays.filter((a) => a.trait === undefined);
    expect(arraysOf(added)).toEqual(arraysOf(withdrawn));
    const plan = unwrap(
      planJob({ program: allelicAssociation, manifests: [added.manifest], params: { trait: "second" } }),
    );
    const { bytes } = unwrap(await recomputeResult(pool, plan, store.read));
    const opened = unwrap(await openResult(plan, await listInMemory(bytes), key));
    const first = await tableOf(allelicAssociation, withdrawn);
    if (first.kind !== "assoc") throw new Error("counts");
    expect(opened.sums.get("caseAlleles")?.map(Number)).toEqual(first.counts.map((c) => c.controlA1));
    expect(await addTrait(added, { trait, people: [], key, sink: store.sink, effectiveAt: 4 })).toMatchObject(
      {
        error: { code: "TRAIT_MISMATCH" },
      },
    );
  });
});
