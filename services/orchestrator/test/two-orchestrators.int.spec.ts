import { tinyDataset } from "@cos/programs/tiny-dataset";
import { realPart } from "@cos/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { embeddedParts, type PlatformParts, realParts } from "./platform-parts.ts";
import { type Platform, startPlatform } from "./test-platform.ts";

const postgres = realPart("postgres");
const kafka = realPart("kafka");
const kinds: [string, (() => Promise<PlatformParts>) | undefined][] = [
  ["one embedded store and log", () => embeddedParts({ duplicateDeliveries: false })],
  ["one Postgres and one Kafka", postgres && kafka ? () => realParts(postgres, kafka) : undefined],
];

describe.each(kinds)("two orchestrators on %s", (_, open) => {
  let platform: Platform;
  beforeAll(async () => {
    if (open) platform = await startPlatform(await tinyDataset(), { parts: open() });
  }, 180_000);
  afterAll(() => platform?.dispose());

  it.skipIf(!open)(
    "make each job one plan, one result and one event, each of them asked by some workers, one of them stopped",
    async () => {
      const another = await platform.startAnother();
      const workers = [
        await platform.addWorker(),
        await platform.addWorker({ orchestrator: () => another.address }),
        await platform.addWorker(),
      ];
      for (const worker of workers) await worker.announce(); // a worker that knows of no other would do both replicas
      const jobs = await Promise.all(Array.from({ length: 6 }, () => platform.issue()));
      for (const { permitId } of jobs) {
        await platform.expectRightResult(await platform.reaches(permitId, "COMPLETED"));
      }
      await expect
        .poll(() => workers.map((worker) => worker.completed.length > 0), { timeout: 30_000 })
        .toEqual([true, true, true]);
      const { rows: twice } = await platform.db.query(
        `SELECT job_id, task_id FROM replica WHERE state = 'DONE' GROUP BY job_id, task_id, worker HAVING count(*) > 1`,
      );
      expect(twice).toEqual([]); // no worker vouches twice for one task
      const { rows: states } = await platform.db.query<{ job_id: string; states: string }>(
        `SELECT job_id, string_agg(state, ' ' ORDER BY n) AS states FROM job_transition GROUP BY job_id`,
      );
      expect(new Set(states.map((row) => row.states))).toEqual(
        new Set(["PERMITTED PLANNED RUNNING REDUCING COMPLETED"]),
      );

      await platform.addWorker({ orchestrator: () => platform.address() });
      await workers[1]?.stop();
      await another.stop();
      const last = await platform.issue();
      await platform.reaches(last.permitId, "COMPLETED");
      for (const { permitId } of [...jobs, last]) {
        // Two relays may send one message twice, under its one id: what is counted is what was to be sent.
        const { rows } = await platform.db.query<{ n: bigint }>(
          "SELECT count(*) AS n FROM outbox WHERE topic = 'compute.jobs.v1' AND key = $1",
          [permitId.slice(2)],
        );
        expect(Number(rows[0]?.n)).toBe(2);
        await expect
          .poll(() => new Set(platform.told(permitId)), { timeout: 60_000 })
          .toEqual(new Set(["jobPlanned", "jobCompleted"]));
      }
    },
    180_000,
  );
});
