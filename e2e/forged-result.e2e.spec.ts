import { readdir } from "node:fs/promises";
import { openPermit, verifyPermit } from "@cos/client";
import { algorithmIdOf, linearRegressionProgram } from "@cos/programs";
import { digestOfJson } from "@cos/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Honest, postForged, withTransparentEntry } from "./support/forge.ts";
import { patience } from "./support/patience.ts";
import { refusalOf } from "./support/refusal-of.ts";
import { Scene } from "./support/scene.ts";
import { smallCohort } from "./support/small-cohort.ts";

let scene: Scene;
let honest: Honest;
let newPermit: () => Promise<string>;

beforeAll(async () => {
  scene = await Scene.open();
  const { files, trait } = await smallCohort(scene.dir);
  const { datasetId } = await scene.publish(files);
  const { grantId } = await scene.grant(datasetId);
  const { jobId } = await scene.run(datasetId, grantId, trait);
  const { client, home, account } = scene.hospital;
  const { bundle, result } = await verifyPermit(client, home, account, jobId);
  honest = { bundle, resultBytes: await result.read(0, result.sizeBytes) };
  await result.close();
  // From here on the operator computes nothing: whatever is posted is its own invention.
  await scene.platform.stop();
  await scene.restart({ workers: 0 });
  newPermit = async () =>
    (await scene.issue(await scene.draft(datasetId, grantId, trait), datasetId)).permitId;
}, patience);
afterAll(() => scene?.close());

/** Opens with a passphrase that opens nothing: a refusal that is not about the passphrase came before the key. */
const openWithoutKey = (permitId: string) => {
  const { client, home, account } = scene.hospital;
  return refusalOf(openPermit(client, home, account, "not the passphrase", permitId));
};
/** Results that lie on the owner's machine. */
const filesKept = () => readdir(scene.hospital.home.results);

describe("a result that an operator invents, with every key of its own at hand", () => {
  it(
    "gets as far as the key when it is honest",
    async () => {
      const permitId = await newPermit();
      await postForged(scene, permitId, honest, {});
      expect(await openWithoutKey(permitId)).toMatchObject({ code: "WRONG_PASSPHRASE" });
      expect(await filesKept()).toEqual([honest.bundle.entries.digest.slice(2)]);
      expect((await scene.openResult(permitId)).result.rows).toHaveLength(60);
      expect(await filesKept()).toEqual([]);
    },
    patience,
  );

  it(
    "is refused before the key is touched when c1 = 1 and c0 is plausible",
    async () => {
      const permitId = await newPermit();
      await postForged(scene, permitId, honest, { resultBytes: withTransparentEntry(honest.resultBytes) });
      expect(await openWithoutKey(permitId)).toMatchObject({
        kind: "integrity",
        code: "RESULT_TRANSPARENT",
        facts: { entry: 0, polynomial: 1 },
      });
      expect(await filesKept()).toEqual([]);
    },
    patience,
  );

  it(
    "is refused when the two workers swear to different outputs",
    async () => {
      const permitId = await newPermit();
      await postForged(scene, permitId, honest, { disagree: true });
      expect(await openWithoutKey(permitId)).toMatchObject({ kind: "integrity", code: "REPLICAS_DISAGREE" });
    },
    patience,
  );

  it(
    "is refused when it was made by another program than the permit names",
    async () => {
      const permitId = await newPermit();
      const algorithmId = algorithmIdOf(linearRegressionProgram);
      await postForged(scene, permitId, honest, { claim: { algorithmId } });
      expect(await openWithoutKey(permitId)).toMatchObject({
        kind: "integrity",
        code: "RESULT_OF_OTHER_PROGRAM",
        facts: { expected: honest.bundle.algorithmId, actual: algorithmId },
      });
    },
    patience,
  );

  it(
    "is refused when it was made from other inputs than the permit names",
    async () => {
      const permitId = await newPermit();
      await postForged(scene, permitId, honest, { claim: { inputsRoot: digestOfJson("other inputs") } });
      expect(await openWithoutKey(permitId)).toMatchObject({
        kind: "integrity",
        code: "RESULT_OF_OTHER_INPUTS",
      });
    },
    patience,
  );
});
