import { type CaseControlTrait, plaintextAssoc, toSource } from "@cos/genomics";
import { checkManifest, ok, unwrap } from "@cos/protocol";
import { describe, expect, it } from "vitest";
import { addTrait, appendSegment, type EncryptRequest, encryptDataset, withdrawRows } from "../src/index.ts";
import { type TinyCohort, tinyCohort } from "./tiny-cohort.ts";
import { traitStudy } from "./trait-study.ts";

const { store, key, tableOf } = traitStudy();

/** The cohort's trait with everybody who had no value made a control. */
const complete = ({ binary }: TinyCohort): CaseControlTrait => ({
  ...binary,
  status: binary.status.map((s) => (s === 0 ? 1 : s)),
});

const encrypt = (
  { source }: Pick<TinyCohort, "source">,
  traits: CaseControlTrait[],
  more: Partial<EncryptRequest>,
) =>
  encryptDataset({
    source,
    traits,
    site: "clinic",
    consentClass: ["DUO:0000042"],
    assembly: "GRCh38",
    key: key(),
    sink: store.sink,
    effectiveAt: 0,
    threads: 1,
    ...more,
  });

const affected = { fixTraits: ["affected"], layouts: [] };

describe("a trait that everybody has, fixed into the genotypes", () => {
  it("is tested by one sum without a product, controls being the rest", async () => {
    const cohort = tinyCohort(280);
    const trait = complete(cohort);
    const version = unwrap(await encrypt(cohort, [trait], affected));
    expect(version.manifest.arrays.map((a) => [a.name, a.trait, a.traitComplete])).toEqual([
      ["genotypes/case-counters/affected", "affected", true],
    ]);
    expect(checkManifest(JSON.parse(JSON.stringify(version.manifest))).ok).toBe(true);
    const { plan, counts } = await tableOf(version, "affected");
    expect(plan.contractions.map((c) => [c.degree, c.weight])).toEqual([[1, null]]);
    expect(plan.runs.map((r) => r.rows)).toEqual([255, 45]);
    expect(counts).toEqual(unwrap(await plaintextAssoc(cohort.source, trait)));
  });

  it("holds the largest counts that a run may have: 255 people, all cases, two copies each", async () => {
    const cohort = tinyCohort(255);
    const source = toSource({
      ...cohort.source,
      readCalls: async (firstVariant, count) =>
        ok({ firstVariant, count, samples: 255, codes: new Uint8Array(count * 255) }), // 0: two copies of A1
    });
    const trait = { ...cohort.binary, status: new Uint8Array(255).fill(2) };
    const version = unwrap(await encrypt({ source }, [trait], { ...affected, rowsPadded: 255 }));
    const { plan, counts } = await tableOf(version, "affected");
    expect(plan.runs.map((r) => r.rows)).toEqual([255]);
    expect(counts).toEqual(unwrap(await plaintextAssoc(source, trait)));
    expect(counts[0]).toEqual({
      caseA1: 510,
      caseCalled: 510,
      controlA1: 0,
      controlCalled: 0,
      totalA1: 510,
      totalCalled: 510,
    });
  });

  it("takes nobody new without a value, and loses people who withdraw", async () => {
    const cohort = tinyCohort(60);
    const trait = complete(cohort);
    const version = unwrap(await encrypt(cohort, [trait], affected));
    const more = tinyCohort(40, 2, "Q");
    const request = {
      site: "clinic",
      consentClass: ["DUO:0000042"],
      key: key(),
      sink: store.sink,
      effectiveAt: 1,
    };
    expect(more.binary.status).toContain(0);
    expect(
      await appendSegment(version, { ...request, source: more.source, traits: [more.binary], threads: 1 }),
    ).toEqual({ ok: false, error: { code: "TRAIT_INCOMPLETE", trait: "affected" } });
    expect(
      await appendSegment(version, { ...request, source: more.source, traits: [], threads: 1 }),
    ).toMatchObject({ error: { code: "TRAIT_INCOMPLETE" } });
    const both = unwrap(
      await appendSegment(version, {
        ...request,
        source: more.source,
        traits: [complete(more)],
        threads: 1,
      }),
    );
    const less = unwrap(
      await withdrawRows(both, {
        people: more.source.samples.map((s) => s.id),
        read: store.read,
        sink: store.sink,
        effectiveAt: 2,
      }),
    );
    const plain = unwrap(await plaintextAssoc(cohort.source, trait));
    expect((await tableOf(less, "affected")).counts).toEqual(plain);
    expect((await tableOf(both, "affected")).counts).not.toEqual(plain);
  });
});

describe("a trait that some people do not have", () => {
  it("gets counters of its own for controls, and A1 is still decided by everybody", async () => {
    const cohort = tinyCohort(100);
    expect(cohort.binary.status).toContain(0);
    const version = unwrap(await encrypt(cohort, [cohort.binary], affected));
    expect(version.manifest.arrays[0]).toMatchObject({ layout: "case-control-counters" });
    expect(version.manifest.arrays[0]).not.toHaveProperty("traitComplete");
    const { plan, counts } = await tableOf(version, "affected");
    expect(plan.runs.map((r) => r.rows)).toEqual([43, 43, 43, 21]);
    expect(counts).toEqual(unwrap(await plaintextAssoc(cohort.source, cohort.binary)));
  });
});

describe("beside the layout that any trait can be used with", () => {
  it("is what the planner takes for its own trait alone", async () => {
    const cohort = tinyCohort(70);
    const second = { ...cohort.binary, name: "second", status: cohort.binary.status.toReversed() };
    const version = unwrap(await encrypt(cohort, [cohort.binary, second], { fixTraits: ["affected"] }));
    const own = await tableOf(version, "affected");
    expect(own.plan.datasets[0]?.layout).toBe("case-control-counters");
    expect(own.counts).toEqual(unwrap(await plaintextAssoc(cohort.source, cohort.binary)));
    const other = await tableOf(version, "second");
    expect(other.plan.datasets[0]?.layout).toBe("allele-counts");
    expect(other.counts).toEqual(unwrap(await plaintextAssoc(cohort.source, second)));
  });

  it("is all there is when nothing else was published: no other trait can be added", async () => {
    const cohort = tinyCohort(30);
    const version = unwrap(await encrypt(cohort, [cohort.binary], affected));
    const later = { ...cohort.binary, name: "later" };
    const people = cohort.source.samples;
    expect(
      await addTrait(version, {
        trait: later,
        people,
        key: key(),
        sink: store.sink,
        effectiveAt: 1,
        threads: 1,
      }),
    ).toMatchObject({ error: { code: "LAYOUT_MISSING", layout: "allele-counts" } });
  });

  it("refuses what cannot be fixed, before anything is encrypted", async () => {
    const cohort = tinyCohort(30);
    const traits = [cohort.binary, cohort.quantitative] as never;
    const before = store.objects.size;
    const refusal = async (fixTraits: string[]) => {
      const refused = await encrypt(cohort, traits, { fixTraits });
      return refused.ok ? undefined : refused.error;
    };
    expect(await refusal(["height"])).toEqual({ code: "TRAIT_NOT_BINARY", trait: "height" });
    expect(await refusal(["nobody"])).toEqual({ code: "TRAIT_UNKNOWN", trait: "nobody" });
    expect(store.objects.size).toBeLessThanOrEqual(before + 1); // the variant axis
  });
});
