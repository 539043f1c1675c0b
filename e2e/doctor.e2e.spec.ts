import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { runCli } from "@cos/cli";
import { readPlatformFile } from "@cos/client";
import { type Fleet, startFleet } from "@cos/cluster";
import { readHealthReport } from "@cos/service-host";
import { createTestDatabase, realPart, type TestDatabase } from "@cos/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cacheFolder } from "../tools/parts/cache-folder.ts";
import { type RedisServer, runRedis } from "../tools/parts/redis.ts";
import { runMinio, type S3Server } from "../tools/parts/s3.ts";
import { patience } from "./support/patience.ts";

type Line = {
  readonly name: string;
  readonly level: "ok" | "warn" | "bad";
  readonly says: string;
  readonly fix?: string;
};

const parts = (["kafka", "postgres", "redis", "s3"] as const).map(realPart);

describe.skipIf(parts.includes(undefined))(
  "cos doctor, beside a fleet on real parts of which some are stopped",
  () => {
    let folder: string;
    let database: TestDatabase;
    let redis: RedisServer;
    let minio: S3Server;
    let fleet: Fleet;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "cos-doctor-"));
      [database, redis, minio] = await Promise.all([
        createTestDatabase(realPart("postgres") ?? ""),
        runRedis(folder, cacheFolder()),
        runMinio(folder, cacheFolder()),
      ]);
      fleet = await startFleet({
        folder: join(folder, "fleet"),
        parts: {
          kafka: realPart("kafka") ?? "",
          postgres: database.url,
          redis: redis.url,
          s3: `${minio.url}/cos`,
        },
        region: "eu",
        workerRegions: ["eu", "us"],
        settings: { orchestrator: { COS_ORCHESTRATOR_WORKER_FORGOTTEN_SECONDS: "20" } },
      });
    }, patience);
    afterAll(async () => {
      await fleet?.stop();
      await redis?.server.stop();
      await minio?.server.stop();
      await database?.drop();
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    }, patience);

    async function doctor(): Promise<{
      code: number;
      healthy: boolean;
      line: (name: string) => Line | undefined;
    }> {
      let stdout = "";
      const code = await runCli(["--home", folder, "--platform", fleet.platformFile, "--json", "doctor"], {
        stdout: {
          write: (text) => {
            stdout += text;
          },
        },
        stderr: new PassThrough().resume(),
        env: {},
        cwd: folder,
        interactive: false,
        askHidden: () => Promise.reject(new Error("nobody is here")),
      });
      const { healthy, checks } = JSON.parse(stdout) as { healthy: boolean; checks: Line[] };
      // No address of a part, and no password, is anybody's business who asks.
      for (const secret of [minio.url, redis.url, database.url])
        expect(stdout).not.toContain(new URL(secret).host);
      return { code, healthy, line: (name) => checks.find((check) => check.name === name) };
    }

    it(
      "finds nothing wrong where nothing is, and says who answers whom and who takes whose tasks",
      async () => {
        await expect
          .poll(async () => (await doctor()).healthy, { timeout: 60_000, interval: 500 })
          .toBe(true);
        const told = {
          database: "answers gateway, access, settlement and orchestrator",
          broker: "answers gateway, access, settlement, orchestrator and 2 workers",
          "object store": "answers gateway, settlement and orchestrator",
          cache: "answers gateway",
          "region eu": "worker 1 of 2",
          "region us": "worker 2 of 2",
        };
        const says = async () => {
          const { line } = await doctor();
          return Object.fromEntries(Object.keys(told).map((name) => [name, line(name)?.says]));
        };
        // A service says nothing of a part before it has looked at it.
        await expect.poll(says, { timeout: 60_000, interval: 500 }).toEqual(told);
        const { code, line } = await doctor();
        expect(code).toBe(0);
        expect(line("clocks")?.level).toBe("ok");
        expect(line("contracts")?.level).toBe("ok");
      },
      patience,
    );

    it(
      "tells a stopped Redis from a gateway that is gone, and goes on without it",
      async () => {
        await redis.server.kill();
        await expect
          .poll(async () => (await doctor()).line("cache")?.level, { timeout: 30_000 })
          .toBe("warn");
        const { code, line } = await doctor();
        expect(line("cache")).toMatchObject({
          says: "does not answer gateway",
          fix: expect.stringContaining("start Redis"),
        });
        expect(line("gateway")?.level).toBe("ok");
        expect(code).toBe(0);
        await redis.server.start();
        await expect.poll(async () => (await doctor()).line("cache")?.level, { timeout: 30_000 }).toBe("ok");
      },
      patience,
    );

    it(
      "says that the store is down, to whom, and that the services themselves are there",
      async () => {
        await minio.server.kill();
        // Each of the three looks in its own time.
        await expect
          .poll(async () => (await doctor()).line("object store"), { timeout: 30_000 })
          .toMatchObject({
            level: "bad",
            says: "does not answer gateway, settlement and orchestrator",
            fix: expect.stringContaining("start the S3 store"),
          });
        const { code, healthy, line } = await doctor();
        expect({ code, healthy }).toEqual({ code: 5, healthy: false });
        for (const name of ["gateway", "settlement", "orchestrator", "database", "broker"]) {
          expect(line(name)?.level).toBe("ok");
        }
        await minio.server.start();
        await expect.poll(async () => (await doctor()).healthy, { timeout: 30_000 }).toBe(true);
      },
      patience,
    );

    it(
      "tells a process that hangs from one that is gone, and a region without workers",
      async () => {
        fleet.processes.get("settlement")?.pause();
        await fleet.processes.get("worker-2")?.kill();
        const { code, line } = await doctor();
        fleet.processes.get("settlement")?.resume();
        expect(code).toBe(5);
        expect(line("settlement")).toMatchObject({
          level: "bad",
          says: expect.stringMatching(/takes connections and does not answer$/),
        });
        expect(line("worker 2")).toMatchObject({
          level: "bad",
          says: expect.stringMatching(/^nobody listens at /),
        });
        // What the orchestrator heard counts until it has not heard of the worker for as long as it was told to wait.
        await expect
          .poll(async () => (await doctor()).line("region us"), { timeout: 90_000 })
          .toMatchObject({
            level: "bad",
            says: "no worker takes its tasks",
            fix: expect.stringContaining("COS_WORKER_REGIONS names us"),
          });
        expect((await doctor()).line("region eu")?.level).toBe("ok");
      },
      patience,
    );

    it(
      "says whom the dead service was needed by only where it is not told by its own line",
      async () => {
        await fleet.processes.get("orchestrator")?.kill();
        const { services } = await readPlatformFile(fleet.platformFile);
        const toldByGateway = async () =>
          (await readHealthReport(services.gateway)).said.get("service/orchestrator");
        await expect.poll(toldByGateway, { timeout: 30_000 }).toBe(false);
        const { line } = await doctor();
        expect(line("orchestrator")?.level).toBe("bad");
        expect(line("gateway to orchestrator")).toBeUndefined();
        expect(line("gateway")?.level).toBe("ok");
      },
      patience,
    );
  },
);
