import { contractAt } from "@cos/chain";
import { DatasetFolder, type GrantChoice, revokeAccess } from "@cos/client";
import { algorithmIdOf, allelicAssociation, type Program, programBytes } from "@cos/programs";
import { digestOfBytes, digestOfJson, manifestCommitment, Op, toRegionCode } from "@cos/protocol";
import { operatorKeys } from "@cos/standalone";
import { encodeBytes32String, JsonRpcProvider, Wallet, ZeroAddress } from "ethers";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { patience } from "./support/patience.ts";
import { redraft } from "./support/redraft.ts";
import { refusalOf } from "./support/refusal-of.ts";
import { type Dataset, Scene } from "./support/scene.ts";
import { type SmallCohort, smallCohort } from "./support/small-cohort.ts";
import { uploadObjects } from "./support/upload-objects.ts";

let scene: Scene;
let small: SmallCohort;
let dataset: Dataset;

beforeAll(async () => {
  scene = await Scene.open({ workers: 1 });
  small = await smallCohort(scene.dir);
  dataset = await scene.publish(small.files);
}, patience);
afterAll(() => scene?.close());

const anybody = () => scene.researcher.client.chain;
const draftFor = (grantId: string) => scene.draft(dataset.datasetId, grantId, small.trait);
/** From a draft to a permit, whatever stands in the way. */
const attempt = async (grantId: string) => scene.issue(await draftFor(grantId), dataset.datasetId);
const grantWith = async (choice: Partial<GrantChoice>) =>
  (await scene.grant(dataset.datasetId, choice)).grantId;

describe("a permit is refused by name, and nothing is half done", () => {
  const permitsAndMoney = async () => ({
    issued: (await anybody().findEvents("JobPermits", "JobPermitIssued", [])).length,
    locked: (await anybody().findEvents("Settlement", "FeeLocked", [])).length,
    reserved: (await anybody().findEvents("AccessACL", "RunReserved", [])).length,
  });
  let before: Awaited<ReturnType<typeof permitsAndMoney>>;
  let allowed = 0;
  beforeEach(async () => {
    before = await permitsAndMoney();
    allowed = 0;
  });
  afterEach(async () => {
    const { issued, locked, reserved } = before;
    expect(await permitsAndMoney()).toEqual({
      issued: issued + allowed,
      locked,
      reserved: reserved + allowed,
    });
  });

  it("not yet valid: clause 4", async () => {
    const now = await anybody().now();
    const grantId = await grantWith({ notBefore: now + 3_600, expiry: now + 7_200 });
    expect(await refusalOf(attempt(grantId))).toMatchObject({ code: "GRANT_NOT_YET_VALID", clause: 4 });
  });

  it("revoked: clause 8", async () => {
    const grantId = await grantWith({});
    const draft = await draftFor(grantId);
    await revokeAccess(scene.hospital.client, scene.hospital.account, { grantId });
    expect(await refusalOf(scene.issue(draft, dataset.datasetId))).toMatchObject({
      code: "GRANT_REVOKED",
      clause: 8,
    });
    expect(await refusalOf(attempt(grantId))).toMatchObject({ code: "GRANT_REVOKED", clause: 8 });
  });

  it("another purpose than was granted: clause 3", async () => {
    const draft = await redraft(scene, await draftFor(await grantWith({})), {
      purposeHash: digestOfJson("other"),
    });
    expect(await refusalOf(scene.issue(draft, dataset.datasetId))).toMatchObject({
      code: "PURPOSE_MISMATCH",
      clause: 3,
    });
  });

  it("another operation than was granted: clause 2", async () => {
    const grantId = await grantWith({ opMask: Op.READ });
    expect(await refusalOf(attempt(grantId))).toMatchObject({ code: "OPERATION_NOT_GRANTED", clause: 2 });
  });

  it("another region: clause 5, when granting and when permitting", async () => {
    expect(await refusalOf(grantWith({ region: "mars" }))).toMatchObject({
      code: "REGION_MISMATCH",
      clause: 5,
    });
    const draft = await redraft(scene, await draftFor(await grantWith({})), {
      regionCode: toRegionCode("mars"),
    });
    expect(await refusalOf(scene.issue(draft, dataset.datasetId))).toMatchObject({
      code: "REGION_MISMATCH",
      clause: 5,
    });
  });

  it("runs used up: clause 4", async () => {
    const grantId = await grantWith({ maxRuns: 1, exactReleases: 5 });
    await attempt(grantId);
    allowed = 1;
    expect(await refusalOf(attempt(grantId))).toMatchObject({ code: "RUNS_EXHAUSTED", clause: 4 });
  });

  it("budget used up: clause 6, of releases and of epsilon", async () => {
    const grantId = await grantWith({ maxRuns: 5, exactReleases: 1 });
    const draft = await redraft(scene, await draftFor(grantId), { epsilonMicro: "1" });
    expect(await refusalOf(scene.issue(draft, dataset.datasetId))).toMatchObject({
      code: "BUDGET_EXHAUSTED",
      clause: 6,
    });
    await attempt(grantId);
    allowed = 1;
    expect(await refusalOf(attempt(grantId))).toMatchObject({ code: "RELEASES_EXHAUSTED", clause: 6 });
  });

  it("an algorithm that nobody registered: clause 2", async () => {
    const grantId = await grantWith({});
    const algorithmId = digestOfJson("no program");
    const unknown = scene.draft(dataset.datasetId, grantId, small.trait, { algorithmId });
    expect((await refusalOf(unknown)).code).toMatch(/ALGORITHM|PROGRAM|NOT_FOUND/);
    const draft = await redraft(scene, await draftFor(grantId), { algorithmId });
    expect(await refusalOf(scene.issue(draft, dataset.datasetId))).toMatchObject({
      code: "ALGORITHM_NOT_APPROVED",
      clause: 2,
    });
  });

  it("an insufficient fee: clause 10, of the terms and of the purse", async () => {
    const grantId = await grantWith(scene.paid());
    const draft = await draftFor(grantId);
    expect(await refusalOf(scene.issue(draft, dataset.datasetId))).toMatchObject({
      code: "INSUFFICIENT_FEE",
      clause: 10,
      facts: { required: "10000", balance: "0" },
    });
    const mean = await redraft(scene, draft, { maxFee: "9999" });
    expect(await refusalOf(scene.issue(mean, dataset.datasetId))).toMatchObject({
      code: "INSUFFICIENT_FEE",
      clause: 10,
      facts: { required: "10000", maxFee: "9999" },
    });
  });

  it("a program that would overflow its plaintext modulus, with the number that proves it", async () => {
    const whole: Program = { ...allelicAssociation, name: "whole-cohort", partition: "whole" };
    await register(whole);
    const grantId = await grantWith({});
    const refused = await refusalOf(
      scene.draft(dataset.datasetId, grantId, small.trait, {
        algorithmId: algorithmIdOf(whole),
        program: whole.name,
      }),
    );
    expect(refused.code).toBe("PLAINTEXT_OVERFLOW");
    expect(refused.facts).toMatchObject({ limit: expect.anything(), maxSum: expect.anything() });
    expect(Number(refused.facts.maxSum)).toBeGreaterThan(Number(refused.facts.limit));
  });

  it("a manifest whose commitment is not the chain's", async () => {
    const { hospital } = scene;
    const { manifest, object } = await new DatasetFolder(dataset.dir).readManifest();
    const wrong = digestOfJson("another manifest");
    expect(wrong).not.toBe(manifestCommitment(manifest));
    const registered = await hospital.client.chain.send(hospital.account, "DatasetRegistry", "register", [
      wrong,
      manifest.contextDigest,
      [encodeBytes32String("DUO:0000006")],
      `cos-object:${object.digest.slice(2)}`,
      toRegionCode(scene.platform.platform.region),
    ]);
    const datasetId = String(
      registered.events.find(({ name }) => name === "DatasetRegistered")?.args.datasetId,
    );
    const { grantId } = await scene.grant(datasetId);
    const refused = await refusalOf(scene.draft(datasetId, grantId, small.trait));
    expect(refused.code).toMatch(/MANIFEST/);
    expect(refused.facts).toMatchObject({ expected: wrong, actual: manifestCommitment(manifest) });
  });

  it("expired: clause 4", async () => {
    const now = await anybody().now();
    const grantId = await grantWith({ notBefore: now, expiry: now + 600 });
    const draft = await draftFor(grantId);
    await anybody().provider.send("evm_increaseTime", [601]);
    await anybody().provider.send("evm_mine", []);
    const late = await redraft(scene, draft, { expiry: now + 1_200 });
    for (const terms of [draft, late]) {
      expect(await refusalOf(scene.issue(terms, dataset.datasetId))).toMatchObject({
        code: "GRANT_EXPIRED",
        clause: 4,
      });
    }
  });
});

/** The researcher proposes a program, the platform's curator approves it. */
async function register(program: Program): Promise<void> {
  const { client, account } = scene.researcher;
  const bytes = programBytes(program);
  await uploadObjects(scene.researcher, [bytes]);
  const id = algorithmIdOf(program);
  const uri = `cos-object:${digestOfBytes(bytes).slice(2)}`;
  await client.chain.send(account, "AlgorithmRegistry", "register", [id, ZeroAddress, 0, uri]);
  const { curator } = await operatorKeys(scene.platformOptions.dataDir, 0);
  const { rpcUrl, chainId, contracts } = scene.platform.platform.chain;
  const provider = new JsonRpcProvider(rpcUrl, chainId, { staticNetwork: true });
  try {
    const registry = contractAt("AlgorithmRegistry", contracts as never, new Wallet(curator, provider));
    const sent = await registry.getFunction("setState").send(id, 2, { gasPrice: 0n, type: 0 });
    const receipt = await sent.wait();
    await expect
      .poll(async () => Number((await client.services.access.getMirrorStatus({})).confirmedNumber), {
        timeout: 60_000,
      })
      .toBeGreaterThanOrEqual(receipt?.blockNumber ?? 0);
  } finally {
    provider.destroy();
  }
}
