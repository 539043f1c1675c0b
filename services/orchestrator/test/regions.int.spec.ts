import { tinyDataset } from "@cos/programs/tiny-dataset";
import { readHealthReport } from "@cos/service-host";
import { afterAll, beforeAll, expect, it } from "vitest";
import { servedRegions } from "../src/adapters/postgres/served-regions.ts";
import { type Platform, startPlatform } from "./test-platform.ts";

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform(await tinyDataset());
}, 120_000);
afterAll(() => platform.dispose());

const told = async () => {
  const { said } = await readHealthReport(platform.address());
  return Object.fromEntries([...said].filter(([name]) => name.endsWith("/eu")));
};
/** The regions as they are so many seconds from now. */
const later = (seconds: number) =>
  servedRegions(platform.db, { ...platform.config, now: platform.clock.now + seconds });

it("tells where tasks wait that nobody takes, and where somebody takes them", async () => {
  expect(await later(0)).toEqual(new Map());
  const { permitId } = await platform.issue();
  await platform.reaches(permitId, "PLANNED");
  await expect.poll(told, { timeout: 30_000 }).toEqual({ "region/eu": false, "tasks/eu": false });

  await platform.addWorker();
  await platform.addWorker();
  await platform.reaches(permitId, "COMPLETED");
  await expect.poll(told, { timeout: 30_000 }).toEqual({ "region/eu": true, "tasks/eu": true });
  // A worker is known by the tasks that it begins, and one alone may have run the whole job while the other still joined.
  const served = async () => (await later(0)).get("eu");
  while ((await served())?.workers !== 2)
    await platform.reaches((await platform.issue()).permitId, "COMPLETED");
  await expect.poll(served, { timeout: 30_000 }).toEqual({ workers: 2, hasWork: false });
}, 120_000);

it("forgets a silent worker soon, and its region a day after", async () => {
  const { workerForgottenSeconds } = platform.config;
  const day = 86_400;
  expect((await later(workerForgottenSeconds + 60)).get("eu")).toEqual({ workers: 0, hasWork: false });
  expect((await later(day - 60)).get("eu")).toEqual({ workers: 0, hasWork: false });
  expect((await later(day + 60)).has("eu")).toBe(false);
});
