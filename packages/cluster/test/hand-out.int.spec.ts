import { X509Certificate } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { contractNames } from "@cos/chain";
import type { OperatorKeys } from "@cos/standalone";
import { afterEach, beforeEach, expect, it } from "vitest";
import { handOut } from "../src/hand-out.ts";
import type { PreparedCluster } from "../src/prepare-cluster.ts";
import type { PrepareConfig } from "../src/prepare-settings.ts";

const dayMs = 86_400_000;
const now = Date.UTC(2026, 5, 1);
const key = (last: number) => `0x${last.toString(16).padStart(64, "0")}`;
const addresses = Object.fromEntries(contractNames.map((name) => [name, `0x${"1".repeat(40)}`]));
const prepared = {
  keys: { settler: key(1), gateway: key(2) } as unknown as OperatorKeys,
  chain: { addresses, programs: {} },
} as unknown as PreparedCluster;
const chain = { chainId: 31_337, rpcUrl: "http://chain:8545" };

let folder: string;
let config: PrepareConfig;
const text = (...path: string[]) => readFile(join(folder, ...path), "utf8");
const caOfPlatformFile = async () =>
  (JSON.parse(await text("client", "platform.json")) as { tls: { ca: string } }).tls.ca;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cos-hand-out-"));
  const endpoint = "127.0.0.1:1";
  config = {
    folder,
    kafka: endpoint,
    postgres: endpoint,
    minio: endpoint,
    redis: endpoint,
    partTls: false,
    region: "eu",
    workerRegions: ["eu", "us"],
    certificateDays: 90,
    name: "compose",
    publicRpcUrl: "http://127.0.0.1:8545",
    publicGateway: endpoint,
    publicAccess: endpoint,
    publicSettlement: endpoint,
    publicOrchestrator: endpoint,
    publicWorkers: [endpoint, endpoint],
  };
  await mkdir(join(folder, "operator"));
  const names = ["deployment.json", "service-token", "database.url", "object-store.url", "cache.url"];
  for (const name of [...names, "settler.key", "usage.key", "worker-1.key", "worker-2.key"]) {
    await writeFile(join(folder, "operator", name), `${name}\n`);
  }
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it("gives each what it may know, and a certificate that names it", async () => {
  await handOut(config, chain, prepared, now);
  expect(await text("worker-2", "worker.key")).toBe("worker-2.key\n");
  await expect(text("worker-2", "database.url")).rejects.toMatchObject({ code: "ENOENT" });
  await expect(text("gateway", "settler.key")).rejects.toMatchObject({ code: "ENOENT" });
  const authority = new X509Certificate(await caOfPlatformFile());
  for (const [holder, service] of [
    ["access", "access"],
    ["worker-1", "fhe-worker"],
    ["operator", "operator"],
  ] as const) {
    const certificate = new X509Certificate(await text(holder, "tls.crt"));
    expect(certificate.subjectAltName).toBe(`URI:spiffe://cos/${service}`);
    expect(certificate.verify(authority.publicKey)).toBe(true);
  }
});

it("tells everybody who connects to parts under TLS who certified them", async () => {
  await writeFile(join(folder, "operator", "parts-ca.crt"), "an authority\n");
  await handOut({ ...config, partTls: true }, chain, prepared, now);
  for (const holder of ["access", "gateway", "orchestrator", "settlement", "worker-1", "worker-2"]) {
    expect(await text(holder, "parts-ca.crt")).toBe("an authority\n");
  }
});

it("keeps certificates, and with them everybody's platform file, while a third of their time is left", async () => {
  await handOut(config, chain, prepared, now);
  const [ca, cert] = [await caOfPlatformFile(), await text("access", "tls.crt")];
  await handOut(config, chain, prepared, now + 60 * dayMs);
  expect([await caOfPlatformFile(), await text("access", "tls.crt")]).toEqual([ca, cert]);
  await handOut(config, chain, prepared, now + 60 * dayMs + 1);
  expect(await caOfPlatformFile()).not.toBe(ca);
  expect(await text("access", "tls.crt")).not.toBe(cert);
  expect(await text("access", "ca.crt")).toBe(await caOfPlatformFile());
});

it.each<[string, () => Promise<void>]>([
  [
    "a worker was added",
    async () => {
      config = { ...config, workerRegions: ["eu", "us", "eu"] };
    },
  ],
  ["a key is gone", () => rm(join(folder, "gateway", "tls.key"))],
  ["a certificate is cut short", () => writeFile(join(folder, "gateway", "tls.crt"), "-----BEGIN")],
  [
    "one is another's",
    async () => writeFile(join(folder, "gateway", "tls.crt"), await text("access", "tls.crt")),
  ],
])("makes all anew when %s", async (_, change) => {
  await writeFile(join(folder, "operator", "worker-3.key"), "worker-3.key\n");
  await handOut(config, chain, prepared, now);
  const before = await caOfPlatformFile();
  await change();
  await handOut(config, chain, prepared, now);
  const after = await caOfPlatformFile();
  expect(after).not.toBe(before);
  for (const holder of ["access", "gateway", "orchestrator", "settlement", "worker-1", "operator"]) {
    expect(await text(holder, "ca.crt")).toBe(after);
  }
});
