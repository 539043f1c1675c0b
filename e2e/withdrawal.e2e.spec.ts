import { readdir } from "node:fs/promises";
import { join } from "node:path";
import {
  CosClient,
  cosHome,
  openPermit,
  readKit,
  readVersion,
  restoreKit,
  unlockAccount,
  type WithdrawalCertificate,
  withdrawPeople,
} from "@cos/client";
import { openPlink, plaintextAssoc, readTrait, selectSamples } from "@cos/genomics";
import { unwrap } from "@cos/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { patience } from "./support/patience.ts";
import { refusalOf } from "./support/refusal-of.ts";
import { type Dataset, Scene, type Study } from "./support/scene.ts";
import { type SmallCohort, smallCohort } from "./support/small-cohort.ts";

let scene: Scene;
let small: SmallCohort;
let dataset: Dataset;
let study: Study;
let firstPermit: string;
let firstTable: string;
let certificate: WithdrawalCertificate;
const leaving = [3, 77, 141];

beforeAll(async () => {
  scene = await Scene.open();
  small = await smallCohort(scene.dir);
  dataset = await scene.publish(small.files);
  study = await scene.grant(dataset.datasetId);
  const job = await scene.run(dataset.datasetId, study.grantId, small.trait);
  firstPermit = job.jobId;
  const opened = await scene.openResult(firstPermit);
  firstTable = opened.tsv;
  await scene.release(opened, study.requestFile);
}, patience);
afterAll(() => scene?.close());

const storedObjects = async (): Promise<string[]> => {
  const folder = join(scene.platformOptions.dataDir, "objects", "store");
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
};

/** The counts that the files give in the clear, for those who stay. */
async function countsWithout(gone: readonly number[]) {
  const everybody = unwrap(await openPlink(small.files.bfile));
  const kept = everybody.samples.map((_, i) => i).filter((i) => !gone.includes(i));
  const source = selectSamples(everybody, kept);
  const request = { file: small.files.pheno, column: small.trait, unmatched: "missing" as const };
  const { trait } = unwrap(await readTrait(source, request));
  if (trait.kind !== "case-control") throw new TypeError("the cohort has cases and controls");
  const counts = unwrap(await plaintextAssoc(source, trait));
  await everybody.close();
  return counts;
}

describe("people who withdraw after encryption", () => {
  it(
    "get a certificate: their rows are gone from the store, and a new version stands on chain",
    async () => {
      const before = await storedObjects();
      const people = leaving.map((i) => small.cohort.source.samples[i]?.id ?? "");
      const { client, ring } = scene.hospital;
      certificate = await withdrawPeople(client, ring, dataset.datasetId, people);

      expect(certificate).toMatchObject({
        people: 3,
        reason: "withdraw",
        fromVersion: 1,
        toVersion: 2,
        allGone: true,
      });
      expect(certificate.deletedObjects.length).toBeGreaterThan(0);
      const after = new Set(await storedObjects());
      for (const { digest } of certificate.deletedObjects) {
        expect(before).toContain(digest.slice(2));
        expect(after).not.toContain(digest.slice(2));
      }
      const version = await readVersion(client, dataset.datasetId, 2);
      expect(version).toMatchObject({ reason: "withdraw", manifestCommitment: certificate.toCommitment });
      for (const id of people) expect(JSON.stringify(certificate)).not.toContain(id);
    },
    patience,
  );

  let secondPermit: string;
  it(
    "are no longer counted: the next job's counts are those of the files without them",
    async () => {
      secondPermit = (await scene.run(dataset.datasetId, study.grantId, small.trait)).jobId;
      const opened = await scene.openResult(secondPermit);
      expect(opened.version).toBe(2);
      if (opened.result.kind !== "assoc") throw new TypeError("an allelic association");
      expect(opened.result.counts).toEqual(await countsWithout(leaving));
      expect(opened.result.counts).not.toEqual(await countsWithout([]));
    },
    patience,
  );

  it("are not given away by the difference: a release without just them is refused", async () => {
    const opened = await scene.openResult(secondPermit);
    const refused = await refusalOf(scene.release(opened, study.requestFile));
    expect(refused).toMatchObject({
      kind: "refused",
      code: "COHORT_DIFFERS_BY_FEW",
      clause: 7,
      facts: { people: 3, maxFewPeople: 20 },
    });
    const { chain } = scene.hospital.client;
    expect(await chain.findEvents("JobPermits", "JobReleased", [secondPermit])).toEqual([]);
  });
});

it(
  "opens an old result on an empty machine, from nothing but the recovery kit and its passphrase",
  async () => {
    const other = await smallCohort(scene.dir, { seed: 2 });
    const published = await scene.publish(other.files);
    const { grantId } = await scene.grant(published.datasetId);
    const job = await scene.run(published.datasetId, grantId, other.trait);
    const before = await scene.openResult(job.jobId);

    const home = cosHome(join(scene.dir, "empty-machine"));
    const { passphrase, seal } = scene.hospital.ring;
    const kit = await readKit(published.kit, passphrase);
    await restoreKit(home, kit, passphrase, seal);
    const account = unwrap((await unlockAccount(home, "hospital", passphrase)) as never) as Parameters<
      typeof openPermit
    >[2];
    const client = new CosClient(scene.platform.platform);
    try {
      const opened = await openPermit(client, home, account, passphrase, job.jobId);
      expect(opened.tsv).toBe(before.tsv);
      expect(opened.tsv).not.toBe(firstTable);
    } finally {
      client.close();
    }
  },
  patience,
);
