import { createPrivateKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer } from "node:tls";
import { readConfig } from "@cos/service-host";
import { afterEach, beforeEach, expect, it } from "vitest";
import { makePartCertificates } from "../src/part-certificates.ts";
import { makePartSecrets } from "../src/part-secrets.ts";
import { type PrepareConfig, prepareSettings } from "../src/prepare-settings.ts";

const dayMs = 86_400_000;
const now = Date.UTC(2026, 5, 1);
const parts = ["kafka", "postgres", "minio", "redis"] as const;
let folder: string;
let config: PrepareConfig;
const text = (...path: string[]) => readFile(join(folder, ...path), "utf8");

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cos-part-certificates-"));
  const endpoint = "127.0.0.1:1";
  const people = ["GATEWAY", "ACCESS", "SETTLEMENT", "ORCHESTRATOR", "WORKERS"];
  const read = readConfig(prepareSettings, "COS_PREPARE_", {
    COS_PREPARE_FOLDER: folder,
    COS_PREPARE_PART_TLS: "true",
    COS_PREPARE_REDIS: "127.0.0.1:6380",
    COS_PREPARE_WORKER_REGIONS: "eu",
    COS_PREPARE_PUBLIC_RPC_URL: "http://127.0.0.1:8545",
    ...Object.fromEntries(people.map((name) => [`COS_PREPARE_PUBLIC_${name}`, endpoint])),
  });
  if (!read.ok) throw new Error(JSON.stringify(read.error));
  config = read.value;
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it("certifies each part for its host, by one authority that those who connect are told", async () => {
  await makePartCertificates(config, now);
  const authority = new X509Certificate(await text("operator", "parts-ca.crt"));
  const names = ["DNS:kafka", "DNS:postgres", "DNS:minio", "IP Address:127.0.0.1"];
  for (const [at, part] of parts.entries()) {
    const certificate = new X509Certificate(await text(part, "tls.crt"));
    expect(certificate.subjectAltName).toBe(names[at]);
    expect(certificate.verify(authority.publicKey)).toBe(true);
    expect(await text(part, "ca.crt")).toBe(await text("operator", "parts-ca.crt"));
    // The part's group reads its key, and nobody else does.
    expect((await stat(join(folder, part, "tls.key"))).mode & 0o777).toBe(0o640);
  }
});

it("gives Kafka and MinIO the same as they want it", async () => {
  await makePartCertificates(config, now);
  const broker = await text("kafka", "broker.pem");
  const certificate = new X509Certificate(broker.slice(broker.indexOf("-----BEGIN CERTIFICATE")));
  expect(certificate.checkPrivateKey(createPrivateKey(broker))).toBe(true);
  expect(await text("minio", "certs", "public.crt")).toBe(await text("minio", "tls.crt"));
  expect(await text("minio", "certs", "private.key")).toBe(await text("minio", "tls.key"));
});

it("keeps certificates while a third of their time is left, and makes all anew when one does not fit", async () => {
  const files = () => Promise.all(parts.map((part) => text(part, "tls.crt")));
  await makePartCertificates(config, now);
  const first = await files();
  await makePartCertificates(config, now + 60 * dayMs);
  expect(await files()).toEqual(first);
  config = { ...config, kafka: "broker.example:9092" };
  await makePartCertificates(config, now + 60 * dayMs);
  const second = await files();
  for (const [at, certificate] of second.entries()) expect(certificate).not.toBe(first[at]);
  await makePartCertificates(config, now + 121 * dayMs);
  expect(await files()).not.toEqual(second);
});

it("tells those who connect of the authority before, too, while parts may still show its certificates", async () => {
  await makePartCertificates(config, now);
  const first = (await text("operator", "parts-ca.crt")).trim();
  await makePartCertificates(config, now + 61 * dayMs);
  const both = await text("operator", "parts-ca.crt");
  expect(both).toContain(first);
  expect(both.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
  expect(both.startsWith(first)).toBe(false);
  await makePartCertificates(config, now + 61 * dayMs);
  expect(await text("operator", "parts-ca.crt")).toBe(both);
  await makePartCertificates(config, now + 500 * dayMs); // All of them have ended.
  expect((await text("operator", "parts-ca.crt")).match(/BEGIN CERTIFICATE/g)).toHaveLength(1);
});

it("leaves a part believed that still shows its certificate from before, and one that shows the new", async () => {
  await makePartCertificates(config);
  const before = { cert: await text("redis", "tls.crt"), key: await text("redis", "tls.key") };
  await rm(join(folder, "kafka", "tls.crt"));
  await makePartCertificates(config);
  const ca = await text("operator", "parts-ca.crt");
  for (const shown of [
    before,
    { cert: await text("redis", "tls.crt"), key: await text("redis", "tls.key") },
  ]) {
    const server = createServer(shown).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const client = connect({ host: "127.0.0.1", port, ca });
    await once(client, "secureConnect");
    expect(client.authorized).toBe(true);
    client.destroy();
    server.close();
  }
});

it("tells clients of TLS, and Redis to answer nobody without it", async () => {
  await makePartSecrets(folder, config);
  expect(await text("operator", "object-store.url")).toMatch(/^https:/);
  expect(await text("operator", "cache.url")).toMatch(/^rediss:/);
  const lines = (await text("redis", "redis.conf")).split("\n");
  expect(lines).toContain("port 0");
  expect(lines).toContain("tls-port 6380");
  await makePartSecrets(folder, { ...config, partTls: false });
  expect(await text("operator", "cache.url")).toMatch(/^redis:/);
  expect(await text("redis", "redis.conf")).not.toContain("tls");
});
