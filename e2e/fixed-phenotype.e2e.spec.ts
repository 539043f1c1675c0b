import { draftPermit, makePurpose, openCohort } from "@cos/client";
import { plaintextAssoc, readTrait } from "@cos/genomics";
import { unwrap } from "@cos/protocol";
import { afterAll, beforeAll, expect, it } from "vitest";
import { patience } from "./support/patience.ts";
import { Scene } from "./support/scene.ts";
import { type SmallCohort, smallCohort } from "./support/small-cohort.ts";

let scene: Scene;
let small: SmallCohort;

beforeAll(async () => {
  scene = await Scene.open();
  small = await smallCohort(scene.dir);
}, patience);
afterAll(() => scene?.close());

async function plainCounts() {
  const { source } = await openCohort(small.files);
  const request = { file: small.files.pheno, column: small.trait, unmatched: "missing" as const };
  const { trait } = unwrap(await readTrait(source, request));
  if (trait.kind !== "case-control") throw new TypeError("the cohort has cases and controls");
  const counts = unwrap(await plaintextAssoc(source, trait));
  await source.close();
  return counts;
}

/** Quotes, runs, verifies, opens. */
async function studyOf(datasetId: string) {
  const { grantId } = await scene.grant(datasetId);
  const { client, account } = scene.researcher;
  const { quote } = await draftPermit(client, account, {
    uses: [{ grantId, datasetId }],
    algorithmId: scene.platform.platform.programs["allelic-association"] ?? "",
    program: "allelic-association",
    params: { trait: small.trait },
    purpose: makePurpose(["DUO:0000006"], "which loci are associated?"),
  });
  const job = await scene.run(datasetId, grantId, small.trait);
  const opened = await scene.openResult(job.jobId);
  if (opened.result.kind !== "assoc") throw new TypeError("an allelic association");
  return { quote, job, opened, counts: opened.result.counts };
}

it(
  "gives the same counts as plaintext from one sum, for a fraction of what the general layout costs",
  async () => {
    const consent = ["DUO:0000006"];
    const general = await scene.publish(small.files, consent);
    const fixed = await scene.publish(small.files, consent, { fixTraits: [small.trait], fixedOnly: true });
    const [a, b] = [await studyOf(general.datasetId), await studyOf(fixed.datasetId)];
    const plain = await plainCounts();
    expect(a.counts).toEqual(plain);
    expect(b.counts).toEqual(plain);
    expect(b.opened.tsv).toBe(a.opened.tsv);

    const { contractions } = b.opened.verified.plan;
    expect(contractions.map(({ degree, weight }) => [degree, weight])).toEqual([[1, null]]);
    expect(b.quote.resultBytes * 5).toBeLessThan(a.quote.resultBytes);
    expect(b.job.bytesRead).toBeLessThan(a.job.bytesRead);
    expect(a.quote.alternatives.map(({ lost }) => lost?.code ?? "taken")).toEqual(["taken", "NOT_PUBLISHED"]);
    expect(b.quote.alternatives.map(({ name }) => name)).toEqual([`case-counters (${small.trait})`]);
  },
  patience,
);

it(
  "is preferred by the planner where the dataset has both, and the loser says by how much",
  async () => {
    const both = await scene.publish(small.files, ["DUO:0000006"], { fixTraits: [small.trait] });
    const { quote, counts } = await studyOf(both.datasetId);
    expect(counts).toEqual(await plainCounts());
    const [taken, other] = quote.alternatives;
    expect(taken).toMatchObject({ name: `case-counters (${small.trait})`, lost: null });
    expect(other).toMatchObject({ name: "allele-counts", lost: { code: "COSTS_MORE" } });
    expect(Number(other?.lost?.facts.factor)).toBeGreaterThan(1);
  },
  patience,
);
