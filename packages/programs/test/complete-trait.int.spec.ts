import { type CaseControlTrait, type GenotypeSource, plaintextAssoc, simulateCohort } from "@cos/genomics";
import { type Block, checkManifest, type ObjectRef, ok, unwrap } from "@cos/protocol";
import { describe, expect, it } from "vitest";
import {
  addTrait,
  appendSegment,
  type Checkpoint,
  type DatasetVersion,
  encryptDataset,
  withdrawRows,
} from "../src/index.ts";
import { traitStudy } from "./trait-study.ts";

const { store, key, tableOf } = traitStudy();

type Cohort = { source: GenotypeSource; trait: CaseControlTrait };

/** So many variants of one chromosome that a trait's two columns do not fit one ciphertext. */
const variants = 1_100;

const base = simulateCohort({ samples: 200, variants, chromosomes: 1, causal: 1, missingRate: 0.05 });
const codes = unwrap(await base.source.readCalls(0, variants)).codes;

/** People of one simulated cohort from `first` on, of whom those at `missing` have no value. */
function wideCohort(first: number, people: number, missing: readonly number[] = []): Cohort {
  const inRange = (_: unknown, i: number) => i % 200 >= first && i % 200 < first + people;
  const status = base.status.slice(first, first + people);
  return {
    source: {
      ...base.source,
      samples: base.source.samples.slice(first, first + people),
      readCalls: callsOf(codes.filter(inRange), people),
    },
    trait: {
      kind: "case-control",
      name: "affected",
      status: status.map((s, person) => (missing.includes(person) ? 0 : s)),
    },
  };
}

const callsOf =
  (all: Uint8Array, samples: number): GenotypeSource["readCalls"] =>
  async (firstVariant, count) => {
    const some = all.slice(firstVariant * samples, (firstVariant + count) * samples);
    return ok({ firstVariant, count, samples, codes: some });
  };

const shared = () => ({
  site: "clinic",
  consentClass: ["DUO:0000042"],
  key: key(),
  sink: store.sink,
  effectiveAt: 0,
  threads: 1,
});

const encrypt = async ({ source, trait }: Cohort): Promise<DatasetVersion> =>
  unwrap(await encryptDataset({ ...shared(), source, traits: [trait], assembly: "GRCh38" }));

const append = (before: DatasetVersion, { source, trait }: Cohort) =>
  appendSegment(before, { ...shared(), source, traits: [trait] });

const traitArrayOf = ({ manifest }: DatasetVersion, trait = "affected") =>
  manifest.arrays.find((a) => a.axes.length === 1 && a.trait === trait);

const countsOf = async (version: DatasetVersion, trait = "affected") => {
  const { plan, counts } = await tableOf(version, trait);
  return { degrees: plan.contractions.map((c) => c.degree), counts };
};

/** Counts of several cohorts together, from their genotypes in the clear. */
async function plainCounts(...cohorts: Cohort[]) {
  const each = await Promise.all(
    cohorts.map(async ({ source, trait }) => unwrap(await plaintextAssoc(source, trait))),
  );
  const [first, ...others] = each as [(typeof each)[number], ...typeof each];
  return first.map((counts, v) =>
    Object.fromEntries(
      Object.entries(counts).map(([name, count]) => [
        name,
        others.reduce((sum, more) => sum + (more[v] as typeof counts)[name as keyof typeof counts], count),
      ]),
    ),
  );
}

describe("a trait that everybody has, beside genotypes that fill a ciphertext", () => {
  it("is stored as cases alone and tested by one product, controls being the rest", async () => {
    const cohort = wideCohort(0, 70);
    const version = await encrypt(cohort);
    expect(traitArrayOf(version)).toMatchObject({ ciphertextsPerRow: 1, traitComplete: true });
    expect(traitArrayOf(version)?.channels.map((c) => c.name)).toEqual(["case"]);
    expect(checkManifest(JSON.parse(JSON.stringify(version.manifest))).ok).toBe(true);
    const { degrees, counts } = await countsOf(version);
    expect(degrees).toEqual([1, 2]);
    expect(counts).toEqual(await plainCounts(cohort));
  });

  it("has a column of controls where somebody has no value", async () => {
    const cohort = wideCohort(0, 60, [7]);
    const version = await encrypt(cohort);
    expect(traitArrayOf(version)).toMatchObject({ ciphertextsPerRow: 2 });
    expect(traitArrayOf(version)).not.toHaveProperty("traitComplete");
    const { degrees, counts } = await countsOf(version);
    expect(degrees).toEqual([1, 2, 2]);
    expect(counts).toEqual(await plainCounts(cohort));
  });

  it("stays as it is when everybody new has a value too", async () => {
    const [first, more] = [wideCohort(0, 30), wideCohort(30, 20)];
    const before = await encrypt(first);
    const after = unwrap(await append(before, more));
    expect(traitArrayOf(after)).toMatchObject({ ciphertextsPerRow: 1, traitComplete: true });
    expect(traitArrayOf(after)?.blocks[0]).toEqual(traitArrayOf(before)?.blocks[0]);
    expect((await countsOf(after)).counts).toEqual(await plainCounts(first, more));
  });

  it("loses people who withdraw", async () => {
    const cohort = wideCohort(0, 30);
    const leaving = [3, 4, 20];
    const less = unwrap(
      await withdrawRows(await encrypt(cohort), {
        people: leaving.map((person) => cohort.source.samples[person]?.id ?? ""),
        read: store.read,
        sink: store.sink,
        effectiveAt: 2,
      }),
    );
    const { counts } = await countsOf(less);
    const all = await plaintextAssoc(cohort.source, cohort.trait);
    expect(counts).not.toEqual(unwrap(all));
    const calls = unwrap(await cohort.source.readCalls(0, variants)).codes;
    const without = calls.map((code, i) => (leaving.includes(i % 30) ? 1 : code)); // 1: no call, adds to no count
    const readCalls = callsOf(without, 30);
    expect(counts).toEqual(await plainCounts({ ...cohort, source: { ...cohort.source, readCalls } }));
  });
});

describe("people who have no value, appended to people who all had one", () => {
  it("give the trait its column of controls, for the old segments too; genotypes stay", async () => {
    const [first, more] = [wideCohort(0, 40), wideCohort(40, 20, [0, 5])];
    const before = await encrypt(first);
    const after = unwrap(await append(before, more));
    expect(checkManifest(JSON.parse(JSON.stringify(after.manifest))).ok).toBe(true);
    const array = traitArrayOf(after);
    expect(array).toMatchObject({ ciphertextsPerRow: 2 });
    expect(array).not.toHaveProperty("traitComplete");
    expect(array?.blocks.map((b) => b.segment)).toEqual(["s1", "s2"]);
    const genotypes = ({ manifest }: DatasetVersion) =>
      manifest.arrays[0]?.blocks.filter((block) => block.segment === "s1");
    expect(genotypes(after)).toEqual(genotypes(before));
    expect((await countsOf(after)).counts).toEqual(await plainCounts(first, more));
    expect((await countsOf(before)).counts).toEqual(await plainCounts(first));
  });

  it("do so without the people who withdrew before", async () => {
    const [first, more] = [wideCohort(0, 40), wideCohort(40, 10, [0])];
    const request = { read: store.read, sink: store.sink, effectiveAt: 1 };
    const everybody = first.source.samples.map((s) => s.id);
    const gone = unwrap(await withdrawRows(await encrypt(first), { ...request, people: everybody }));
    const after = unwrap(await append(gone, more));
    const rowsOf = (blocks: readonly Block[] = []) => blocks.map((b) => [b.segment, b.rows]);
    expect(rowsOf(traitArrayOf(after)?.blocks)).toEqual(rowsOf(after.manifest.arrays[0]?.blocks));
    expect((await countsOf(after)).counts).toEqual(await plainCounts(more));
  });

  it("do so once, however often the append was interrupted", async () => {
    const [first, more] = [wideCohort(0, 30), wideCohort(30, 20, [3])];
    const before = await encrypt(first);
    const finished = new Map<string, ObjectRef>();
    let draft: DatasetVersion | undefined;
    const checkpoint = (): Checkpoint => ({
      ...(draft === undefined ? {} : { draft }),
      keep: async (drawn) => {
        draft = drawn;
      },
      finished: (label) => finished.get(JSON.stringify(label)),
    });
    for (let blocks = 0; ; blocks += 1) {
      let left = 1;
      const sink: typeof store.sink = async (object, bytes, label) => {
        if (label !== undefined && left-- === 0) throw new Error("killed");
        await store.sink(object, bytes, label);
        if (label !== undefined) finished.set(JSON.stringify(label), object);
      };
      const request = {
        ...shared(),
        source: more.source,
        traits: [more.trait],
        sink,
        checkpoint: checkpoint(),
      };
      const run = await appendSegment(before, request).catch(() => undefined);
      if (run === undefined) continue;
      const after = unwrap(run);
      expect(blocks).toBeGreaterThan(1);
      const stored = after.manifest.arrays.flatMap((a) => a.blocks.map((b) => b.object.digest));
      for (const { digest } of finished.values()) expect(stored).toContain(digest);
      expect((await countsOf(after)).counts).toEqual(await plainCounts(first, more));
      break;
    }
  });
});

describe("a trait that is added later", () => {
  it("is complete only if everybody in the dataset has a value", async () => {
    const cohort = wideCohort(0, 30);
    const version = await encrypt(cohort);
    const people = cohort.source.samples;
    const later = (name: string, status = cohort.trait.status.map((s) => 3 - s)): CaseControlTrait => ({
      ...cohort.trait,
      name,
      status,
    });
    const added = unwrap(await addTrait(version, { ...shared(), trait: later("turned"), people }));
    expect(traitArrayOf(added, "turned")).toMatchObject({ ciphertextsPerRow: 1, traitComplete: true });
    const turned = await countsOf(added, "turned");
    const plain = unwrap(await plaintextAssoc(cohort.source, cohort.trait));
    expect(turned.counts.map((c) => c.caseA1)).toEqual(plain.map((c) => c.controlA1));

    const some = people.slice(0, 29);
    const fewer = unwrap(
      await addTrait(version, {
        ...shared(),
        trait: later("fewer", cohort.trait.status.slice(0, 29)),
        people: some,
      }),
    );
    expect(traitArrayOf(fewer, "fewer")).toMatchObject({ ciphertextsPerRow: 2 });
  });
});
