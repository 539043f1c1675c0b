import { join } from "node:path";
import { appendCohort, checkKit, openCohort, publishDataset, readKit } from "@cos/client";
import { plaintextAssoc, readTrait, selectSamples, writeCohort } from "@cos/genomics";
import { unwrap } from "@cos/protocol";
import { afterAll, beforeAll, expect, it } from "vitest";
import { patience } from "./support/patience.ts";
import { refusalOf } from "./support/refusal-of.ts";
import { type Dataset, Scene } from "./support/scene.ts";
import { type SmallCohort, smallCohort } from "./support/small-cohort.ts";

const generalResearch = "DUO:0000042";
const healthResearch = "DUO:0000006";
const clinicalCare = "DUO:0000043";

let scene: Scene;
let general: SmallCohort;
let healthOnly: SmallCohort;
let dataset: Dataset;

/** One dataset of two segments: people who agreed to general research, then people who agreed to health research alone. */
beforeAll(async () => {
  scene = await Scene.open();
  const everybody = await smallCohort(scene.dir, { people: 210 });
  general = await part(everybody, "general", 0, 120);
  healthOnly = await part(everybody, "health-only", 120, 90);
  dataset = await scene.publish(general.files, [generalResearch]);
  await append(healthOnly, [healthResearch]);
}, patience);
afterAll(() => scene?.close());

/** Some of a cohort's people, as files of their own at the same sites. */
async function part(whole: SmallCohort, name: string, first: number, count: number): Promise<SmallCohort> {
  const people = Array.from({ length: count }, (_, i) => first + i);
  const { cohort } = whole;
  const prefix = join(scene.dir, name);
  const some = {
    ...cohort,
    source: selectSamples(cohort.source, people),
    status: cohort.status.slice(first, first + count),
    quantitative: cohort.quantitative.slice(first, first + count),
  };
  unwrap(await writeCohort(prefix, some));
  return { ...whole, cohort: some, files: { ...whole.files, bfile: prefix, pheno: `${prefix}.pheno.tsv` } };
}

async function append(more: SmallCohort, consentClass: readonly string[]): Promise<void> {
  const { client, home, account, ring } = scene.hospital;
  const cohort = await openCohort(more.files);
  const outDir = join(scene.dir, "appended");
  const kitPath = join(scene.dir, "appended.kit.age");
  const choice = { outDir, kitPath, site: "hospital", consentClass, threads: 1 };
  await appendCohort(client, { ...ring, account }, dataset.datasetId, cohort, choice);
  await cohort.source.close();
  await checkKit(home, await readKit(kitPath, ring.passphrase), ring.passphrase);
  await publishDataset(client, home, account, outDir, { region: scene.platform.platform.region });
}

async function plainCounts({ files, trait: column }: SmallCohort) {
  const cohort = await openCohort(files);
  const request = { file: files.pheno, column, unmatched: "missing" as const };
  const { trait } = unwrap(await readTrait(cohort.source, request));
  if (trait.kind !== "case-control") throw new TypeError("the cohort has cases and controls");
  const counts = unwrap(await plaintextAssoc(cohort.source, trait));
  await cohort.source.close();
  return counts;
}

async function countsFor(duo: string[]) {
  const { grantId } = await scene.grant(dataset.datasetId, {}, duo);
  const job = await scene.run(dataset.datasetId, grantId, general.trait);
  const opened = await scene.openResult(job.jobId);
  if (opened.result.kind !== "assoc") throw new TypeError("an allelic association");
  return { counts: opened.result.counts, segments: opened.verified.plan.datasets[0]?.segments };
}

it(
  "counts the one segment whose consent admits the purpose, and nobody else",
  async () => {
    const { counts, segments } = await countsFor([generalResearch]);
    expect(segments).toEqual(["s1"]);
    expect(counts).toEqual(await plainCounts(general));
  },
  patience,
);

it(
  "counts both where both admit it",
  async () => {
    const { counts, segments } = await countsFor([healthResearch]);
    expect(segments).toEqual(["s1", "s2"]);
    const [a, b] = [await plainCounts(general), await plainCounts(healthOnly)];
    expect(counts.map((c) => c.caseCalled)).toEqual(a.map((c, v) => c.caseCalled + (b[v]?.caseCalled ?? 0)));
    expect(counts.map((c) => c.totalA1)).toEqual(a.map((c, v) => c.totalA1 + (b[v]?.totalA1 ?? 0)));
  },
  patience,
);

it(
  "refuses a purpose that nobody admitted: clause 3, before anything is paid or run",
  async () => {
    const narrow = await scene.publish(healthOnly.files, [healthResearch]);
    const { grantId } = await scene.grant(narrow.datasetId, {}, [clinicalCare]);
    expect(await refusalOf(scene.draft(narrow.datasetId, grantId, general.trait))).toMatchObject({
      kind: "refused",
      code: "NO_SEGMENT_ADMITTED",
      clause: 3,
    });
  },
  patience,
);
