import { descriptorSet } from "@cos/proto";
import { Telemetry } from "@cos/telemetry";
import { afterEach, expect, it } from "vitest";
import { watchNeeds } from "../src/health/needs.ts";
import { type HostedService, hostService, type Need, readHealthReport, serviceNeed } from "../src/index.ts";

const never = () => new Promise<never>(() => {});
const broken = () => Promise.reject(new Error("postgres://user:secret@host refused"));

const running: HostedService[] = [];
afterEach(async () => {
  for (const hosted of running.splice(0)) await hosted.close();
});

async function host(needs: readonly Need[]): Promise<HostedService> {
  const hosted = await hostService({
    host: "127.0.0.1",
    grpc: { port: 0, services: [], descriptorSet: descriptorSet() },
    observe: { telemetry: new Telemetry({ service: "gateway" }), metricsPort: 0 },
    needs,
  });
  running.push(hosted);
  return hosted;
}

const saidBy = async ({ grpcAddress }: HostedService) =>
  Object.fromEntries((await readHealthReport(grpcAddress)).said);

it("tells which of its needs answer, and takes work all the same", async () => {
  const hosted = await host([
    { name: "part/database", probe: async () => "there" },
    { name: "part/cache", probe: broken },
    { name: "part/objects", probe: never },
  ]);
  hosted.setServing(true);
  hosted.report("region/eu", true);
  hosted.report("region/us", false);
  // What hangs is not known before patience is over; nothing is said of it until then.
  await expect
    .poll(() => saidBy(hosted))
    .toEqual({ "part/database": true, "part/cache": false, "region/eu": true, "region/us": false });
  await expect.poll(() => saidBy(hosted), { timeout: 10_000 }).toMatchObject({ "part/objects": false });

  const report = await readHealthReport(hosted.grpcAddress);
  expect(report.health).toBe("SERVING");
  expect(Math.abs(report.aheadMs ?? Number.NaN)).toBeLessThan(2_000);
  const ready = await fetch(`${hosted.metricsUrl}/readyz`);
  const text = await ready.text();
  expect(ready.status).toBe(200);
  expect(text.split("\n").toSorted()).toEqual([
    "",
    "part/cache does not answer",
    "part/database answers",
    "part/objects does not answer",
    "ready",
  ]);
  const scraped = await (await fetch(`${hosted.metricsUrl}/metrics`)).text();
  expect(scraped).toContain('cos_need_answers_bool{need="part/cache",cos_service="gateway"} 0');
  expect(scraped + text).not.toContain("secret");

  hosted.report("region/us", undefined);
  expect(await saidBy(hosted)).not.toHaveProperty("region/us");
});

it("needs another service to take work, not only to be there", async () => {
  const access = await host([]);
  const gateway = await host([serviceNeed("access", access.grpcAddress)]);
  await expect.poll(() => saidBy(gateway)).toEqual({ "service/access": false });
  access.setServing(true);
  await expect.poll(() => saidBy(gateway), { timeout: 15_000 }).toEqual({ "service/access": true });
  await access.close();
  await expect.poll(() => saidBy(gateway), { timeout: 15_000 }).toEqual({ "service/access": false });
});

it("says that nobody is there where nobody is", async () => {
  const gone = await host([]);
  await gone.close();
  expect(await readHealthReport(gone.grpcAddress, 2_000)).toEqual({
    health: "UNREACHABLE",
    said: new Map(),
  });
});

it("looks again and again, never twice at once, and not after its end", async () => {
  const looks: boolean[] = [];
  let asked = 0;
  let answer: (() => void) | undefined;
  const need: Need = {
    name: "part/chain",
    probe: () => {
      asked++;
      return asked === 2 ? new Promise<void>((resolve) => (answer = resolve)) : Promise.resolve();
    },
  };
  const stop = watchNeeds([need], (_, isThere) => looks.push(isThere), { intervalMs: 5, timeoutMs: 20 });
  await expect.poll(() => looks).toEqual([true, false]);
  expect(asked).toBe(2); // the second question is still open: it is late, and not asked again
  answer?.();
  await expect.poll(() => looks.slice(0, 4)).toEqual([true, false, true, true]);
  stop();
  const then = looks.length;
  await new Promise((resolve) => setImmediate(resolve));
  expect(looks).toHaveLength(then);
});
