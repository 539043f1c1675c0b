import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { realPart, type TempFolder, tempFolder } from "@cos/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cacheFolder } from "../../../tools/parts/cache-folder.ts";
import { type KafkaCluster, startKafkaCluster } from "../../../tools/parts/kafka-cluster.ts";
import { type KafkaOptions, openKafkaLog } from "../src/index.ts";

const soon = { timeout: 30_000, interval: 20 };

describe.skipIf(!realPart("kafka"))("a broker that asks for mutual TLS and a password", () => {
  let folder: TempFolder;
  let cluster: KafkaCluster;
  let certificates: { ca: string; cert: string; key: string };
  let strangers: { ca: string; cert: string; key: string };

  beforeAll(async () => {
    folder = await tempFolder("kafka-security");
    certificates = issue("cos");
    strangers = issue("strangers");
    const jaas = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_cos="tell-nobody";';
    cluster = await startKafkaCluster(folder.path, cacheFolder(), {
      settings: {
        "listener.security.protocol.map": "PLAINTEXT:SASL_SSL,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.name.plaintext.ssl.client.auth": "required",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": join(folder.path, "cos-broker.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": join(folder.path, "cos-ca.crt"),
        "sasl.enabled.mechanisms": "PLAIN",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "listener.name.plaintext.plain.sasl.jaas.config": jaas,
      },
    });
  });
  afterAll(async () => {
    await cluster?.stop();
    await folder?.remove();
  });

  /** An authority of its own, with a certificate for a broker at 127.0.0.1 and for a client. */
  function issue(name: string): typeof certificates {
    const at = (file: string): string => join(folder.path, `${name}-${file}`);
    const openssl = (...args: string[]): void =>
      void execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
    const fresh = ["-newkey", "rsa:2048", "-nodes"];
    openssl(
      "req",
      "-x509",
      ...fresh,
      "-days",
      "2",
      "-subj",
      `/CN=${name}`,
      "-keyout",
      at("ca.key"),
      "-out",
      at("ca.crt"),
    );
    writeFileSync(at("names"), "subjectAltName=IP:127.0.0.1");
    for (const who of ["broker", "client"]) {
      openssl("req", ...fresh, "-subj", `/CN=${who}`, "-keyout", at(`${who}.key`), "-out", at(`${who}.csr`));
      const signer = [
        "-CA",
        at("ca.crt"),
        "-CAkey",
        at("ca.key"),
        "-CAcreateserial",
        "-extfile",
        at("names"),
      ];
      openssl("x509", "-req", "-days", "2", "-in", at(`${who}.csr`), ...signer, "-out", at(`${who}.crt`));
    }
    writeFileSync(
      at("broker.pem"),
      readFileSync(at("broker.key"), "utf8") + readFileSync(at("broker.crt"), "utf8"),
    );
    const read = (file: string): string => readFileSync(at(file), "utf8");
    return { ca: read("ca.crt"), cert: read("client.crt"), key: read("client.key") };
  }

  const open = (options: Partial<KafkaOptions>) =>
    openKafkaLog({ brokers: cluster.addresses, clientId: "security", patienceMs: 3_000, ...options });
  const sasl = { mechanism: "plain", username: "cos", password: "tell-nobody" } as const;

  it("lets in who has both: declares, publishes, consumes", async () => {
    const log = await open({ tls: certificates, sasl });
    await log.declare({ name: "secret.v1", partitions: 2 });
    const seen: string[] = [];
    await log.subscribe({
      group: "secret",
      topic: "secret.v1",
      handle: async ({ headers }) => void seen.push(headers.messageId),
    });
    const headers = { messageId: "m", producer: "security", mode: "live" } as const;
    await log.publish([{ topic: "secret.v1", key: "k", value: new Uint8Array(1), headers }]);
    await expect.poll(() => seen, soon).toEqual(["m"]);
    await log.close();
  });

  it.each([
    ["a wrong password", /REFUSED/, () => ({ tls: certificates, sasl: { ...sasl, password: "guess" } })],
    ["no client certificate", /UNTRUSTED|UNAVAILABLE/, () => ({ tls: { ca: certificates.ca }, sasl })],
    [
      "a certificate of another authority",
      /UNTRUSTED|UNAVAILABLE/,
      () => ({ tls: { ...strangers, ca: certificates.ca }, sasl }),
    ],
    [
      "no trust in the broker's certificate",
      /UNTRUSTED/,
      () => ({ tls: { ...certificates, ca: strangers.ca }, sasl }),
    ],
    ["no TLS", /UNTRUSTED|UNAVAILABLE/, () => ({ sasl })],
  ])("refuses %s, without a crash and without the password in the error", async (_what, code, options) => {
    const log = await open(options());
    const asked: unknown = await log
      .declare({ name: "secret.v1", partitions: 2 })
      .catch((error: unknown) => error);
    expect(asked).toMatchObject({ code: expect.stringMatching(code) });
    expect(JSON.stringify(asked) + String(asked) + String((asked as Error).cause)).not.toMatch(
      /guess|tell-nobody/,
    );
    await log.close();
  });
});
