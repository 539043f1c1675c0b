import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CosClient, ensureIdentity, readPlatformFile } from "@cos/client";
import { type Fleet, startFleet } from "@cos/cluster";
import { compareCounts, newParty, type PlatformProcess } from "@cos/demo";
import type { Digest } from "@cos/protocol";
import { realPart } from "@cos/testkit";
import { TestAuthority } from "@cos/testkit/test-authority";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cacheFolder } from "../tools/parts/cache-folder.ts";
import { type SecureParts, startSecureParts } from "../tools/parts/secure-parts.ts";
import { countPlainly } from "./support/checked-result.ts";
import { patience } from "./support/patience.ts";
import { Scene } from "./support/scene.ts";
import { smallCohort } from "./support/small-cohort.ts";

const parts = (["kafka", "postgres", "redis", "s3"] as const).map(realPart);

describe.skipIf(parts.includes(undefined))("five services as processes, every wire under TLS", () => {
  let folder: string;
  let parts: SecureParts;
  let fleet: Fleet;
  let httpAuthority: TestAuthority;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "cos-tls-fleet-"));
    const [services, infrastructure] = [
      await TestAuthority.create("CN=services"),
      await TestAuthority.create("CN=parts"),
    ];
    httpAuthority = await TestAuthority.create("CN=web");
    const mutual = await infrastructure.files(folder, "client", ["url:spiffe://cos/client"]);
    const server = await infrastructure.files(folder, "parts", ["ip:127.0.0.1"]);
    parts = await startSecureParts(folder, cacheFolder(), { ...server, mutual });
    fleet = await startFleet({
      folder: join(folder, "fleet"),
      parts: { kafka: parts.kafka, postgres: parts.postgres, redis: parts.redis, s3: `${parts.s3}/cos` },
      workerRegions: [""],
      settings: { all: parts.settings, orchestrator: { COS_ORCHESTRATOR_DEFAULT_REPLICAS: "1" } },
      tls: (name) =>
        services.files(folder, name, [`url:spiffe://cos/${name.replace(/^worker-\d+$/, "fhe-worker")}`]),
      httpTls: await httpAuthority.files(folder, "gateway-http", ["ip:127.0.0.1"]),
    });
  }, 2 * patience);
  afterAll(async () => {
    await fleet?.stop();
    await parts?.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }, patience);

  it(
    "runs a job from upload to release, and the counts are right",
    async () => {
      const platform = await readPlatformFile(fleet.platformFile);
      const started = { platform, platformFile: fleet.platformFile } as PlatformProcess;
      const people = await Promise.all(
        ["hospital", "researcher"].map(async (name) => {
          const party = await newParty(join(folder, name), name, platform);
          await ensureIdentity(party.client, party.account);
          return party;
        }),
      );
      const [hospital, researcher] = people;
      if (hospital === undefined || researcher === undefined) throw new Error("unreachable");
      const scene = Scene.on(folder, started, fleet.folder, [hospital, researcher]);
      const { files, trait } = await smallCohort(folder);
      const { datasetId } = await scene.publish(files);
      const { grantId, requestFile } = await scene.grant(datasetId);
      const { jobId } = await scene.run(datasetId, grantId, trait);
      // One worker computed it, so the owner trusts nobody: it fetches the ciphertexts and computes the sums again.
      const opened = await scene.openResult(jobId, { recompute: true });
      expect(compareCounts(opened.result, await countPlainly(files))).toMatchObject({ equal: true });
      expect((await scene.release(opened, requestFile)).transaction).toMatch(/^0x/);
      for (const party of people) party.client.close();
    },
    patience,
  );

  it("serves the gateway's HTTP to nobody in the clear, nor to whom its certificate is a stranger's", async () => {
    const platform = await readPlatformFile(fleet.platformFile);
    const port = fleet.processes.get("gateway")?.plan.environment.COS_GATEWAY_HTTP_PORT;
    const transfer = { token: "none", ticketId: "0x", baseUrl: `https://127.0.0.1:${port}` };
    const digest = `0x${"ab".repeat(32)}` as Digest;
    const asked = async (httpCa: string, baseUrl = transfer.baseUrl) => {
      const client = new CosClient({ ...platform, tls: { ca: platform.tls?.ca ?? "", httpCa } });
      const outcome = await client.transfers.download({ ...transfer, baseUrl }, digest).then(
        () => "OK",
        (failure: { code: string }) => failure.code,
      );
      client.close();
      return outcome;
    };
    expect(await asked(httpAuthority.pem)).toBe("TRANSFER_INVALID"); // The handshake was good; the token is not.
    expect(await asked((await TestAuthority.create("CN=web")).pem)).toBe("GATEWAY_UNTRUSTED");
    expect(await asked(httpAuthority.pem, `https://localhost:${port}`)).toBe("GATEWAY_UNTRUSTED");
    await expect(fetch(`http://127.0.0.1:${port}/.well-known/jwks.json`)).rejects.toThrow("fetch failed");
  });
});
