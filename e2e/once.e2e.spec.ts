import { watchJob } from "@cos/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { jobReaches } from "./support/job-reaches.ts";
import { patience } from "./support/patience.ts";
import { type Dataset, Scene } from "./support/scene.ts";
import { type SmallCohort, smallCohort } from "./support/small-cohort.ts";

let scene: Scene;
let small: SmallCohort;
let dataset: Dataset;
let grantId: string;
const fee = 10_000n;

beforeAll(async () => {
  // Every event reaches every consumer twice, throughout this file.
  scene = await Scene.open({ duplicateDeliveries: true });
  small = await smallCohort(scene.dir);
  dataset = await scene.publish(small.files);
  ({ grantId } = await scene.grant(dataset.datasetId, scene.paid()));
  await scene.credit(scene.researcher.account.address, 10n * fee);
}, patience);
afterAll(() => scene?.close());

const newJob = async (): Promise<string> => {
  const draft = await scene.draft(dataset.datasetId, grantId, small.trait);
  return (await scene.issue(draft, dataset.datasetId)).permitId;
};

/** What the chain holds of a permit: each of these must have happened once. */
async function happened(permitId: string) {
  const { chain } = scene.researcher.client;
  const [results, accepted, refunded, used] = await Promise.all(
    ["JobResult", "JobAccepted", "JobRefunded", "JobReleased"].map((event) =>
      chain.findEvents("JobPermits", event, [permitId]),
    ),
  );
  const locks = await chain.findEvents("Settlement", "FeeLocked", []);
  const credits = await chain.findEvents("Settlement", "Credited", []);
  const ofPermit = (events: typeof locks) => events.filter(({ args }) => args.key === permitId);
  return {
    results: results?.length,
    accepted: accepted?.length,
    refunded: refunded?.length,
    released: used?.length,
    locked: ofPermit(locks).map(({ args }) => args.amount as bigint),
    credited: ofPermit(credits).map(({ args }) => args.amount as bigint),
  };
}

const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n);

describe("one job leads to one result and one payment", () => {
  it(
    "when every event is delivered twice, and when the same job is run again",
    async () => {
      const before = await scene.balance(scene.researcher.account.address);
      const permits = [await newJob(), await newJob()];
      for (const permitId of permits) await scene.committed(permitId);
      const tables: string[] = [];
      for (const permitId of permits) {
        // The result is on the chain; its acceptance is the next transaction.
        await expect.poll(async () => (await happened(permitId)).accepted, { timeout: 60_000 }).toBe(1);
        const all = await happened(permitId);
        expect(all).toMatchObject({ results: 1, accepted: 1, refunded: 0, released: 0, locked: [fee] });
        expect(sum(all.credited)).toBe(3_500n); // compute 30 % and author 5 %; the rest waits for the release
        tables.push((await scene.openResult(permitId)).tsv);
      }
      expect(permits[0]).not.toBe(permits[1]);
      expect(tables[0]).toBe(tables[1]);
      expect(before - (await scene.balance(scene.researcher.account.address))).toBe(2n * fee);
    },
    patience,
  );

  it(
    "when the platform is killed at each state of the job",
    async () => {
      const killedAt: string[] = [];
      const killAt = async (state: string, workers: number) => {
        killedAt.push(state);
        await scene.platform.kill();
        await scene.restart({ workers });
      };
      await killAt("before", 0);
      // Without a worker a job stays planned; with one of the two that it needs, it stays running.
      const permitId = await newJob();
      await jobReaches(scene, permitId, "PLANNED");
      await killAt("PLANNED", 1);
      await jobReaches(scene, permitId, "RUNNING");
      await killAt("RUNNING", 2);
      for (;;) {
        const state = await nextState(permitId, killedAt);
        if (state === "SETTLED") break;
        await killAt(state, 2);
      }
      expect(killedAt).toEqual(expect.arrayContaining(["before", "PLANNED", "RUNNING"]));
      expect(killedAt.length).toBeGreaterThan(3); // and at whatever was seen of REDUCING, COMPLETED and COMMITTED
      const all = await happened(permitId);
      expect(all).toMatchObject({ results: 1, accepted: 1, refunded: 0, locked: [fee] });
      expect(sum(all.credited)).toBe(3_500n);
      expect((await scene.openResult(permitId)).result.rows).toHaveLength(60);
    },
    patience,
  );
});

/** The job's first state that it has not been killed at. */
async function nextState(permitId: string, seen: readonly string[]): Promise<string> {
  const { client, account } = scene.researcher;
  const isNew = (state: string) => !seen.includes(state);
  let state = "";
  for await (const job of watchJob(client, account, permitId, { until: isNew, timeoutMs: 60_000 })) {
    state = job.state;
    if (isNew(state)) return state;
  }
  throw new Error(`the job ended as ${state}`);
}
