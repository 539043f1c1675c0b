import { getJob, readAudit, revokeAccess, waitForJob } from "@cos/client";
import { afterAll, beforeAll, expect, it } from "vitest";
import { jobReaches } from "./support/job-reaches.ts";
import { patience } from "./support/patience.ts";
import { refusalOf } from "./support/refusal-of.ts";
import { Scene } from "./support/scene.ts";
import { smallCohort } from "./support/small-cohort.ts";

let scene: Scene;
beforeAll(async () => {
  // One worker cannot make the two replicas that a permit asks for: its jobs run until somebody stops them.
  scene = await Scene.open({ workers: 1 });
}, patience);
afterAll(() => scene?.close());

it(
  "stops a running job, gives the whole fee back, and says so on the chain",
  async () => {
    const { files, trait } = await smallCohort(scene.dir);
    const { hospital, researcher } = scene;
    const { datasetId } = await scene.publish(files);
    const { grantId } = await scene.grant(datasetId, { ...scene.paid(), graceSeconds: 3_600, maxRuns: 1 });
    await scene.credit(researcher.account.address, 10_000n);
    const draft = await scene.draft(datasetId, grantId, trait);
    const { permitId, fee } = await scene.issue(draft, datasetId);
    expect(fee).toBe("10000");
    expect(await scene.balance(researcher.account.address)).toBe(0n);
    await jobReaches(scene, permitId, "RUNNING");

    await revokeAccess(hospital.client, hospital.account, { grantId });
    const stopped = await refusalOf(
      waitForJob(researcher.client, researcher.account, permitId, "COMMITTED", undefined, 60_000),
    );
    expect(stopped.message).toContain("CANCELLED");
    const job = await getJob(researcher.client, researcher.account, permitId);
    expect(job).toMatchObject({ state: "CANCELLED", resultCommitment: "0x", resultUri: "" });

    const { chain } = researcher.client;
    await jobIsRefunded(permitId);
    expect(
      await chain.read<bigint>("Settlement", "balanceOf", [draft.terms.feeToken, researcher.account.address]),
    ).toBe(10_000n);
    const trailOf = async (scope: { permitId: string } | { grantId: string }) =>
      (await readAudit(researcher.client, scope)).map(({ event }) => event);
    await expect.poll(() => trailOf({ permitId }), { timeout: 30_000 }).toContain("JobRefunded");
    const permitTrail = await trailOf({ permitId });
    expect(permitTrail).not.toContain("JobResultPosted");
    expect(permitTrail).not.toContain("JobAccepted");
    const grantTrail = await trailOf({ grantId });
    expect(grantTrail).toEqual(
      expect.arrayContaining(["AccessGranted", "RunReserved", "AccessRevoked", "RunReturned"]),
    );
    expect(grantTrail.indexOf("AccessRevoked")).toBeLessThan(grantTrail.indexOf("RunReturned"));
  },
  patience,
);

async function jobIsRefunded(permitId: string): Promise<void> {
  const { chain } = scene.researcher.client;
  await expect
    .poll(async () => (await chain.findEvents("JobPermits", "JobRefunded", [permitId])).length, {
      timeout: 60_000,
    })
    .toBe(1);
}
