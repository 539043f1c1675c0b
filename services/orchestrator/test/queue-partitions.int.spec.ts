import { tinyDataset } from "@cos/programs/tiny-dataset";
import { afterEach, expect, it } from "vitest";
import { type Platform, startPlatform } from "./test-platform.ts";

let platform: Platform;
afterEach(() => platform.dispose());

it("has one task at once where the deployment has one partition, whatever waits", async () => {
  platform = await startPlatform(await tinyDataset(), { config: { taskPartitions: 1 } });
  const gate = Promise.withResolvers<void>();
  let [held, most] = [0, 0];
  const hold = async () => {
    held += 1;
    most = Math.max(most, held);
    await gate.promise;
    held -= 1;
    return "go on" as const;
  };
  for (let n = 0; n < 2; n++) await platform.addWorker({ partitions: 1, hold });
  const jobs = await Promise.all(Array.from({ length: 3 }, () => platform.issue({ replicas: 1 })));
  const states = async () => {
    const { rows } = await platform.db.query<{ state: string }>(
      "SELECT r.state FROM replica r JOIN task t USING (job_id, task_id) WHERE t.stage = 0 ORDER BY r.state",
    );
    return rows.map(({ state }) => state);
  };
  await expect.poll(states, { timeout: 30_000 }).toEqual(["QUEUED", "QUEUED", "RUNNING"]);
  gate.resolve();
  for (const { permitId } of jobs) await platform.reaches(permitId, "COMPLETED");
  expect(most).toBe(1);
}, 120_000);

it("uses more partitions than usual where the deployment has them", async () => {
  platform = await startPlatform(await tinyDataset(), { config: { taskPartitions: 64, minQueueDepth: 200 } });
  const jobs = await Promise.all(Array.from({ length: 20 }, () => platform.issue()));
  const published = async () => {
    const { rows } = await platform.db.query<{ partition: number }>(
      "SELECT partition FROM replica WHERE state = 'QUEUED'",
    );
    return rows.map(({ partition }) => partition);
  };
  await expect.poll(async () => (await published()).length, { timeout: 60_000 }).toBe(40); // two replicas each
  expect(new Set(await published()).size).toBe(40); // where nothing waits yet, and wherever the first one went
  for (let n = 0; n < 2; n++) await platform.addWorker({ partitions: 64 });
  await platform.reaches(jobs[0]!.permitId, "COMPLETED");
}, 180_000);
