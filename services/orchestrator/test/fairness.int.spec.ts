import { tinyDataset } from "@cos/programs/tiny-dataset";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Platform, startPlatform } from "./test-platform.ts";

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform(await tinyDataset(), { config: { maxOutstandingPerGrantee: 3 } });
}, 120_000);
afterAll(() => platform.dispose());

/** Published and unfinished replicas of a grantee. */
const outstanding = async (grantee: Buffer) => {
  const { rows } = await platform.db.query<{ n: bigint }>(
    "SELECT count(*) AS n FROM replica JOIN job USING (job_id) WHERE grantee = $1 AND replica.state IN ('QUEUED', 'RUNNING')",
    [`0x${grantee.toString("hex")}`],
  );
  return Number(rows[0]?.n);
};

it("publishes no more of one grantee than its bound, and a late grantee's task at once", async () => {
  const busy = Buffer.alloc(20, 1);
  const late = Buffer.alloc(20, 2);
  const jobs = [];
  for (let n = 0; n < 4; n++) jobs.push(await platform.issue({ grantee: busy }));
  for (const { permitId } of jobs) await platform.reaches(permitId, "PLANNED");
  await expect.poll(() => outstanding(busy)).toBe(3); // of 8 replicas: 4 jobs, one map task each, two workers
  const another = await platform.issue({ grantee: late });
  await platform.reaches(another.permitId, "PLANNED");
  await expect.poll(() => outstanding(late)).toBe(2);
  expect(await outstanding(busy)).toBe(3);

  await platform.addWorker();
  await platform.addWorker();
  for (const { permitId } of [...jobs, another]) await platform.reaches(permitId, "COMPLETED");
  expect(await outstanding(busy)).toBe(0);
}, 120_000);

describe("a grantee with a hundred jobs", () => {
  let crowded: Platform;
  beforeAll(async () => {
    crowded = await startPlatform(await tinyDataset(), { config: { minQueueDepth: 8, queuePerSlot: 4 } });
  }, 120_000);
  afterAll(() => crowded.dispose());

  const lastFence = async (jobId?: string) => {
    const { rows } = await crowded.db.query<{ fence: bigint | null }>(
      "SELECT max(fence) AS fence FROM replica WHERE $1::text IS NULL OR job_id = $1",
      [jobId ?? null],
    );
    return Number(rows[0]?.fence ?? 0n);
  };

  const completed = async () => {
    const { rows } = await crowded.db.query<{ n: bigint }>(
      "SELECT count(*) AS n FROM job WHERE state = 'COMPLETED'",
    );
    return Number(rows[0]?.n);
  };

  it("delays another's single job by what is published, not by what waits", async () => {
    await crowded.addWorker();
    await crowded.addWorker();
    const busy = Buffer.alloc(20, 1);
    const jobs = [];
    for (let n = 0; n < 100; n++) jobs.push(await crowded.issue({ grantee: busy }));
    await crowded.reaches(jobs[0]!.permitId, "RUNNING", "REDUCING", "COMPLETED");
    const { permitId } = await crowded.issue({ grantee: Buffer.alloc(20, 2) });
    // Permits are read in the order of their blocks; from here on the orchestrator knows of it, planning included.
    await crowded.reaches(permitId, "PERMITTED", "PLANNED", "RUNNING", "REDUCING", "COMPLETED");
    const [leasesBefore, jobsBefore] = [await lastFence(), await completed()];
    await crowded.reaches(permitId, "COMPLETED");
    // Leases given meanwhile: two stages, each behind a queue of 8 and its fellow replica, planning and storing beside.
    expect((await lastFence(permitId)) - leasesBefore).toBeLessThan(100);
    const jobsAfter = await completed();
    expect(jobsAfter - jobsBefore).toBeLessThan(30); // a quarter of a hundred leases to a job, and those under way
    expect(jobsAfter).toBeLessThan(101); // first come, first served: everybody else would have been done
  }, 180_000);
});
