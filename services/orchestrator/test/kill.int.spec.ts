import { tinyDataset } from "@cos/programs/tiny-dataset";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { killedParts } from "./killed-parts.ts";
import { type Platform, startPlatform } from "./test-platform.ts";

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform(await tinyDataset(), { config: { republishSeconds: 3 } });
  await platform.addWorker();
  await platform.addWorker();
}, 120_000);
afterAll(() => platform.dispose());

/** Statements that each life of the process may make; the last one lives on. */
const lives = {
  "early and often": [1, 2, 3, 5, 8, 13, 21, 34, 55],
  "while tasks run": [40, 30, 25, 35, 45],
  "before and after the result": [70, 60, 50, 20, 10],
};

describe("a process that is killed", () => {
  it.each(Object.entries(lives))(
    "%s goes on with its jobs, to one result each",
    async (_, limits) => {
      await platform.stop();
      const { permitId, log } = await platform.issue();
      await platform.emit(log.event!, { ...log, messageId: "delivered again, as a new message" });
      let kills = 0;
      for (const limit of limits) {
        const life = killedParts(platform, limit);
        await platform.start(life).catch(() => {});
        const survived = await Promise.race([
          life.killed.then(() => false),
          expect
            .poll(() => platform.told(permitId), { timeout: 3_000, interval: 50 })
            .toContain("jobCompleted")
            .then(
              () => true,
              () => true,
            ),
        ]);
        if (!survived) kills += 1;
        await platform.stop();
      }
      expect(kills).toBeGreaterThan(1);
      await platform.start();
      platform.clock.forward(20); // leases and postponements of the dead
      const done = await platform.reaches(permitId, "COMPLETED");
      await platform.expectRightResult(done);
      await expect.poll(() => platform.told(permitId)).toEqual(["jobPlanned", "jobCompleted"]);
      const states = done.transitions.map(({ state }) => platform.stateName(state));
      expect(states).toEqual(["PERMITTED", "PLANNED", "RUNNING", "REDUCING", "COMPLETED"]);
    },
    180_000,
  );

  it("in each state of a job is taken up again in that state", async () => {
    for (const state of ["PERMITTED", "PLANNED", "RUNNING", "REDUCING", "COMPLETED"]) {
      if (state === "PERMITTED") platform.facts.down = true;
      const { permitId } = await platform.issue();
      await expect
        .poll(
          async () => {
            const { rows } = await platform.db.query<{ state: string }>(
              "SELECT state FROM job_transition WHERE job_id = $1",
              [permitId],
            );
            return rows.map((row) => row.state);
          },
          { timeout: 60_000, interval: 5 },
        )
        .toContain(state);
      await platform.stop();
      platform.facts.down = false;
      await platform.start();
      platform.clock.forward(20);
      await platform.expectRightResult(await platform.reaches(permitId, "COMPLETED"));
      await expect
        .poll(() => platform.told(permitId).filter((name) => name === "jobCompleted"))
        .toHaveLength(1);
    }
  }, 120_000);
});
