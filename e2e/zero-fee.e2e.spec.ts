import { ZeroAddress } from "ethers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { patience } from "./support/patience.ts";
import { Scene } from "./support/scene.ts";
import { smallCohort } from "./support/small-cohort.ts";

let scene: Scene;
beforeAll(async () => {
  scene = await Scene.open();
}, patience);
afterAll(() => scene?.close());

it(
  "runs from grant to release for people who hold no coin and no token at all",
  async () => {
    const { files, trait } = await smallCohort(scene.dir);
    const { datasetId } = await scene.publish(files);
    const { grantId, requestFile } = await scene.grant(datasetId);
    const job = await scene.run(datasetId, grantId, trait);
    const opened = await scene.openResult(job.jobId);
    const released = await scene.release(opened, requestFile);

    expect(opened.result.rows).toHaveLength(60);
    expect(released.released + released.suppressed.total).toBe(60);
    const { provider } = scene.researcher.client.chain;
    for (const { account } of [scene.hospital, scene.researcher]) {
      expect(await provider.getBalance(account.address)).toBe(0n);
      expect(await scene.balance(account.address)).toBe(0n);
    }
    const [issued] = await scene.researcher.client.chain.findEvents("JobPermits", "JobPermitIssued", [
      job.jobId,
    ]);
    expect(issued?.args.fees.total).toBe(0n);
    expect(issued?.args.terms.feeToken).toBe(ZeroAddress);
    expect(await scene.researcher.client.chain.findEvents("Settlement", "FeeLocked", [])).toEqual([]);
  },
  patience,
);
