import { objectKey } from "@cos/objects";
import { type TinyDataset, tinyDataset } from "@cos/programs/tiny-dataset";
import { BeginTaskResponse_Decision as Decision } from "@cos/proto/compute";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Platform, startPlatform } from "./test-platform.ts";
import type { TestWorker } from "./test-worker.ts";

const bytes = (text: string): Buffer => Buffer.from(text.slice(2), "hex");
let dataset: TinyDataset;
let platform: Platform;
let workers: TestWorker[] = [];

beforeAll(async () => {
  dataset = await tinyDataset();
  platform = await startPlatform(dataset, {
    config: { leaseSeconds: 60, maxTaskAttempts: 3, stragglerSeconds: 5, stragglerFactor: 1.5 },
  });
}, 120_000);
afterAll(() => platform.dispose());
afterEach(async () => {
  for (const worker of workers) await worker.stop();
  workers = [];
  await platform.db.query(
    "UPDATE job SET state = 'FAILED' WHERE state IN ('PLANNED', 'RUNNING', 'REDUCING')",
  );
  platform.clock.forward(200); // those workers are forgotten, their leases over
});

/** A worker; `idle`: one that takes nothing from the queue and is used by hand. */
const addWorker = async (over: Parameters<Platform["addWorker"]>[0] & { idle?: boolean } = {}) => {
  const { idle, ...rest } = over;
  const worker = await platform.addWorker(idle ? { ...rest, region: "nowhere" } : rest);
  if (idle) await announce(worker);
  workers.push(worker);
  return worker;
};
const announce = (worker: TestWorker, over: { leaving?: boolean } = {}) =>
  worker.client.announceWorker({ worker: bytes(worker.address), regions: ["eu"], capacity: 1, ...over });

const firstTask = async (jobId: string) => {
  const { rows } = await platform.db.query<{ task_id: string }>(
    "SELECT task_id FROM task WHERE job_id = $1 AND stage = 0 ORDER BY ordinal LIMIT 1",
    [jobId],
  );
  return bytes(rows[0]!.task_id);
};
const begin = async (worker: TestWorker, permitId: string) =>
  worker.client.beginTask({
    jobId: bytes(permitId),
    taskId: await firstTask(permitId),
    worker: bytes(worker.address),
  });
const failuresOf = async (jobId: string) =>
  (
    await platform.db.query<{ code: string; worker: string }>(
      "SELECT code, worker FROM task_failure WHERE job_id = $1 ORDER BY fence",
      [jobId],
    )
  ).rows;

describe("a task that is handed back", () => {
  it("is another worker's at once, under a new fence, and counts as no failure", async () => {
    const { permitId } = await platform.issue({ replicas: 1 });
    await platform.reaches(permitId, "PLANNED");
    const a = await addWorker({ idle: true });
    const b = await addWorker({ idle: true });
    const held = await begin(a, permitId);
    expect(held.decision).toBe(Decision.DECISION_RUN);
    expect((await begin(b, permitId)).decision).toBe(Decision.DECISION_LATER);
    const taskId = await firstTask(permitId);
    await a.client.releaseTask({ taskId, fence: held.fence });
    await expect(a.client.releaseTask({ taskId, fence: held.fence })).rejects.toMatchObject({
      code: "STALE_FENCE",
    });
    const taken = await begin(b, permitId);
    expect(taken.decision).toBe(Decision.DECISION_RUN);
    expect(taken.fence).toBeGreaterThan(held.fence);
    expect(await failuresOf(permitId)).toEqual([]);
  }, 120_000);

  it("is run by who is left when the other worker has left", async () => {
    const a = await addWorker({ idle: true });
    const gone = await addWorker({ idle: true });
    const { permitId } = await platform.issue({ replicas: 2 });
    await platform.reaches(permitId, "PLANNED");
    expect((await begin(a, permitId)).decision).toBe(Decision.DECISION_RUN);
    expect((await begin(a, permitId)).decision).toBe(Decision.DECISION_LATER); // the other's to do
    await announce(gone, { leaving: true });
    expect((await begin(a, permitId)).decision).toBe(Decision.DECISION_RUN);
  }, 120_000);
});

describe("a task that takes its workers down", () => {
  it("ends its job at the third loss, with the reason", async () => {
    await addWorker({ hold: async () => "vanish" });
    await addWorker({ hold: async () => "vanish" });
    const { permitId } = await platform.issue({ replicas: 1 });
    for (let losses = 1; losses <= 3; losses++) {
      await expect
        .poll(
          async () => {
            const { rows } = await platform.db.query<{ n: bigint }>(
              "SELECT count(*) AS n FROM replica WHERE job_id = $1 AND state = 'RUNNING'",
              [permitId],
            );
            return Number(rows[0]?.n);
          },
          { timeout: 60_000 },
        )
        .toBe(1);
      platform.clock.forward(platform.config.leaseSeconds);
      for (const worker of workers) await worker.announce();
      await expect.poll(() => failuresOf(permitId), { timeout: 60_000 }).toHaveLength(losses);
    }
    const failed = await platform.reaches(permitId, "FAILED");
    expect(failed.reason).toBe("WORKER_LOST");
    expect((await failuresOf(permitId)).map(({ code }) => code)).toEqual(Array(3).fill("WORKER_LOST"));
    expect(platform.told(permitId)).not.toContain("jobCompleted");
  }, 120_000);
});

describe("a worker that is not attested for the region", () => {
  it("is not counted on, and what it was handed goes to another", async () => {
    const a = await addWorker({ idle: true });
    const stranger = await addWorker({ idle: true, attested: false });
    const { permitId } = await platform.issue({ replicas: 2 });
    await platform.reaches(permitId, "PLANNED");
    expect((await begin(a, permitId)).decision).toBe(Decision.DECISION_RUN);
    const published = async () => {
      const { rows } = await platform.db.query<{ n: bigint }>(
        "SELECT sum(published)::bigint AS n FROM replica WHERE job_id = $1",
        [permitId],
      );
      return Number(rows[0]?.n);
    };
    await expect.poll(published, { timeout: 60_000 }).toBe(2);
    await expect(begin(stranger, permitId)).rejects.toMatchObject({ code: "REGION_NOT_ATTESTED" });
    await expect.poll(published, { timeout: 60_000 }).toBe(3);
    expect((await begin(a, permitId)).decision).toBe(Decision.DECISION_RUN); // nobody else may
  }, 120_000);
});

describe("a silence of the orchestrator", () => {
  it("is held against no worker: leases are good for their full time when it is back", async () => {
    const { permitId } = await platform.issue({ replicas: 1 });
    await platform.reaches(permitId, "PLANNED");
    const a = await addWorker({ idle: true });
    const held = await begin(a, permitId);
    await platform.stop();
    platform.clock.forward(10 * platform.config.leaseSeconds);
    await platform.start();
    const taskId = await firstTask(permitId);
    await expect
      .poll(
        async () =>
          (
            await platform.db.query<{ until: bigint }>(
              "SELECT lease_until AS until FROM replica WHERE job_id = $1 AND state = 'RUNNING'",
              [permitId],
            )
          ).rows.map(({ until }) => Number(until) > platform.clock.now),
        { timeout: 60_000 },
      )
      .toEqual([true]);
    expect((await a.client.heartbeatTask({ taskId, fence: held.fence })).wanted).toBe(true);
    expect(await failuresOf(permitId)).toEqual([]);
  }, 120_000);
});

describe("a heartbeat that waits", () => {
  it("is answered by the revocation, not by the end of its wait", async () => {
    const { permitId } = await platform.issue({ grantId: "71", replicas: 1 });
    await platform.reaches(permitId, "PLANNED");
    const a = await addWorker({ idle: true });
    const { fence } = await begin(a, permitId);
    const taskId = await firstTask(permitId);
    let answers = 0;
    const answer = a.client.heartbeatTask({ taskId, fence, waitMs: 10_000 }).then((kept) => {
      answers += 1;
      return kept;
    });
    expect((await a.client.heartbeatTask({ taskId, fence })).wanted).toBe(true);
    expect(answers).toBe(0);
    await platform.emit({
      $case: "accessRevoked",
      value: { grantId: "71", datasetId: "1", by: Buffer.alloc(20) },
    });
    const before = performance.now();
    expect((await answer).wanted).toBe(false); // its own wait would have answered that it is wanted
    await platform.reaches(permitId, "CANCELLED");
    expect(performance.now() - before).toBeLessThan(9_000);
  }, 120_000);
});

describe("a straggler", () => {
  it("is raced by another worker; the first to finish counts, and the other is told", async () => {
    const { promise: goOn, resolve: release } = Promise.withResolvers<"go on">();
    const { permitId } = await platform.issue({ replicas: 1 });
    await platform.reaches(permitId, "PLANNED");
    const slow = await addWorker({ idle: true });
    const held = await begin(slow, permitId);
    const taskId = await firstTask(permitId);
    const quick = await addWorker({ hold: async ({ kind }) => (kind === "reduce" ? goOn : "go on") });
    const agreed = async () => {
      const { rows } = await platform.db.query<{ n: bigint }>(
        "SELECT count(*) AS n FROM task WHERE job_id = $1 AND output_digest IS NOT NULL",
        [permitId],
      );
      return Number(rows[0]?.n);
    };
    platform.clock.forward(4); // not slow yet
    await slow.client.heartbeatTask({ taskId, fence: held.fence });
    await announce(slow);
    platform.clock.forward(30);
    await slow.client.heartbeatTask({ taskId, fence: held.fence });
    await quick.announce();
    await expect.poll(agreed, { timeout: 60_000 }).toBe(1);
    await expect(slow.client.heartbeatTask({ taskId, fence: held.fence })).rejects.toMatchObject({
      code: "STALE_FENCE",
    });
    expect((await begin(slow, permitId)).decision).toBe(Decision.DECISION_DONE);
    release("go on");
    const done = await platform.reaches(permitId, "COMPLETED");
    expect([done.tasksTotal, done.tasksDone]).toEqual([2, 2]); // the straggler's slot is gone
    expect(await failuresOf(permitId)).toEqual([]);
  }, 120_000);
});

describe("an output's place", () => {
  it("makes nothing the sweeper's that was there before", async () => {
    const { permitId } = await platform.issue({ replicas: 1, expiry: platform.clock.now + 10_000_000 });
    await platform.reaches(permitId, "PLANNED");
    const a = await addWorker({ idle: true });
    const { fence } = await begin(a, permitId);
    const taskId = await firstTask(permitId);
    const [digest, block] = [...dataset.objects].find(([, body]) => body.length < 200_000)!;
    const theirs = { digest: bytes(digest), sizeBytes: BigInt(block.length) };
    expect((await a.client.presignOutput({ taskId, fence, ...theirs })).url).toBe("");
    const mine = await platform.put(Buffer.from("an orphan of this worker's"));
    await platform.db.query("INSERT INTO upload (digest, presigned_at) VALUES ($1, 0)", [mine]);
    const there = async (key: typeof mine) => (await platform.objects.store.head(objectKey(key))).ok;
    platform.clock.forward(platform.config.orphanSeconds + 60);
    await expect.poll(() => there(mine), { timeout: 60_000 }).toBe(false);
    expect(await there(digest)).toBe(true);
  }, 120_000);
});

describe("a task behind another", () => {
  it("moves to a worker that has nothing to do", async () => {
    const { permitId } = await platform.issue({ replicas: 1 });
    await platform.reaches(permitId, "PLANNED");
    await expect.poll(async () => (await publishedOf(permitId)).length, { timeout: 60_000 }).toBe(1);
    const [first] = await publishedOf(permitId);
    // Its partition is a busy worker's; another is idle, and serves the next partition.
    const busy = await addWorker({ idle: true });
    const idle = await addWorker({ idle: true });
    const own = (partition: number, worker: TestWorker) =>
      platform.db.query(
        `INSERT INTO queue_partition (region, partition, worker, seen_at) VALUES ('eu', $1, $2, 0)
         ON CONFLICT (region, partition) DO UPDATE SET worker = excluded.worker`,
        [partition, worker.address],
      );
    for (let partition = 0; partition < 32; partition++) await own(partition, busy);
    const next = (first!.partition + 1) % 32;
    await own(next, idle);
    platform.clock.forward(platform.config.moveSeconds);
    await expect
      .poll(() => publishedOf(permitId), { timeout: 60_000 })
      .toEqual([{ partition: next, published: 2, state: "QUEUED" }]);
  }, 120_000);

  const publishedOf = async (jobId: string) =>
    (
      await platform.db.query<{ partition: number; published: number; state: string }>(
        "SELECT partition, published, state FROM replica WHERE job_id = $1 AND published > 0",
        [jobId],
      )
    ).rows;
});
