import { randomUUID } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import type { RequestListener } from "node:http";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { readConfig } from "@cos/service-host";
import { type HttpsServer, startHttpsServer, type TempFolder, tempFolder } from "@cos/testkit";
import { TestAuthority } from "@cos/testkit/test-authority";
import { SigningKey, Wallet } from "ethers";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { partSettings, ServiceProcess, Unwinder } from "../src/index.ts";

const wires = ["node", "second node", "signer", "collector"] as const;
type Wire = (typeof wires)[number];
const caSettings: Record<Wire, string> = {
  node: "COS_RPC_CA_FILE",
  "second node": "COS_SECOND_RPC_CA_FILE",
  signer: "COS_SETTLEMENT_SIGNER_CA_FILE",
  collector: "COS_OTEL_CA_FILE",
};

let folder: TempFolder;
let authority: TestAuthority;
let stranger: TestAuthority;
const caFiles = { authority: "", stranger: "" };
let server: HttpsServer;
/** Requests that reached the server. */
let heard: string[] = [];
const ends: (() => unknown)[] = [];

beforeAll(async () => {
  folder = await tempFolder("outgoing-https");
  authority = await TestAuthority.create();
  stranger = await TestAuthority.create("CN=stranger");
  caFiles.authority = await fileOf(authority.pem);
  caFiles.stranger = await fileOf(stranger.pem);
  server = await startHttpsServer(await authority.issue(["ip:127.0.0.1"]), answer);
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  heard = [];
});
afterAll(async () => {
  await server?.stop();
  await folder?.remove();
});

const { publicKey } = new SigningKey(Wallet.createRandom().privateKey);

/** A chain's node, a signer and a collector in one. */
const answer: RequestListener = async (request, response) => {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  heard.push(request.url ?? "");
  if (request.url?.startsWith("/v1/keys/")) return void response.end(JSON.stringify({ publicKey }));
  if (request.url === "/v1/traces") return void response.end();
  const given = JSON.parse(Buffer.concat(pieces).toString()) as { id: number } | { id: number }[];
  const one = ({ id }: { id: number }) => ({ jsonrpc: "2.0", id, result: "0x1f" });
  response.end(JSON.stringify(Array.isArray(given) ? given.map(one) : one(given)));
};

async function fileOf(text: string): Promise<string> {
  const file = join(folder.path, randomUUID());
  await writeFile(file, text);
  return file;
}

type Options = { caFile?: string; host?: string; scheme?: string };

/** Uses the wire once. Throws as a service would see it. */
async function use(wire: Wire, { caFile, host = "127.0.0.1", scheme = "https" }: Options): Promise<void> {
  const url = `${scheme}://${host}:${server.port}`;
  const ca = (of: Wire) => (wire === of && caFile !== undefined ? { [caSettings[of]]: caFile } : {});
  const read = readConfig(partSettings, "COS_", {
    COS_LOG_FILE: join(folder.path, "log"),
    COS_CHAIN_ID: "31337",
    ...(wire === "node" && { COS_RPC_URL: url }),
    ...(wire === "second node" && { COS_SECOND_RPC_URL: url }),
    ...(wire === "collector" && { COS_OTEL_ENDPOINT: url }),
    ...ca("node"),
    ...ca("second node"),
    ...ca("collector"),
  });
  if (!read.ok) throw new Error(read.error.faults.map(({ key }) => key).join(", "));
  const unwinder = new Unwinder();
  ends.push(() => unwinder.unwind());
  const process = await ServiceProcess.open("settlement", read.value, unwinder);
  if (wire === "signer") {
    const signer = { keyFile: undefined, keyId: "settler", tokenFile: undefined, url, caFile };
    await process.signer("COS_SETTLEMENT_SETTLER", "COS_SETTLEMENT_SIGNER", signer);
  } else if (wire === "collector") {
    await process.telemetry.span("work", {}, async () => {});
    await process.telemetry.flush();
  } else {
    const provider = await (wire === "node" ? process.provider() : process.secondProvider());
    expect(await provider?.getBlockNumber()).toBe(31);
  }
}

/** What came of it: nothing waits for a collector, so that its wire fails in silence. */
const outcome = async (wire: Wire, options: Options): Promise<string> => {
  const said = await use(wire, options).then(
    () => "done",
    (error: { code?: string; message: string }) => `${error.code} ${error.message}`,
  );
  return heard.length > 0 ? "reached" : said;
};
const untrusted: Record<Wire, RegExp> = {
  node: /^RPC_UNTRUSTED /,
  "second node": /^RPC_UNTRUSTED /,
  signer: /^SIGNER_UNTRUSTED /,
  collector: /^done$/,
};

describe.each(wires)("the wire to the %s", (wire) => {
  it("is believed by the authority of its file", async () => {
    expect(await outcome(wire, { caFile: caFiles.authority })).toBe("reached");
  });

  it("is not believed by another authority", async () => {
    expect(await outcome(wire, { caFile: caFiles.stranger })).toMatch(untrusted[wire]);
  });

  it("is not believed under another name", async () => {
    const said = await outcome(wire, { caFile: caFiles.authority, host: "localhost" });
    expect(said).toMatch(untrusted[wire]);
    if (wire !== "collector") expect(said).toContain("ALTNAME");
  });

  it("is believed by the world's authorities without a file, and with one by no other", async () => {
    expect(await outcome(wire, {})).toMatch(untrusted[wire]);
    const before = getCACertificates("default");
    setDefaultCACertificates([...before, authority.pem]); // As if the world knew it.
    try {
      expect(await outcome(wire, { caFile: caFiles.stranger })).toMatch(untrusted[wire]);
      expect(await outcome(wire, {})).toBe("reached");
    } finally {
      setDefaultCACertificates(before);
    }
  });

  it("does not start with a file that is not there, one without a certificate, or a URL in the clear", async () => {
    const refused = { code: "TLS_SETTING_UNUSABLE", setting: caSettings[wire] };
    const missing = join(folder.path, "not-there");
    await expect(use(wire, { caFile: missing })).rejects.toMatchObject(refused);
    const text = await fileOf("a secret, and no certificate");
    const error = await use(wire, { caFile: text }).catch((cause: Error) => cause);
    expect(error).toMatchObject(refused);
    expect(String(error)).not.toContain("secret");
    const clear = use(wire, { caFile: caFiles.authority, scheme: "http" });
    await expect(clear).rejects.toMatchObject(refused);
    expect(heard).toEqual([]);
  });
});

it("takes up a new authority from the same file, without a restart", async () => {
  const file = await fileOf(stranger.pem);
  const read = readConfig(partSettings, "COS_", {
    COS_LOG_FILE: join(folder.path, "log"),
    COS_CHAIN_ID: "31337",
    COS_RPC_URL: `https://127.0.0.1:${server.port}`,
    COS_RPC_CA_FILE: file,
    COS_OTEL_ENDPOINT: `https://127.0.0.1:${server.port}`,
    COS_OTEL_CA_FILE: file,
  });
  if (!read.ok) throw new Error("bad settings");
  const unwinder = new Unwinder();
  ends.push(() => unwinder.unwind());
  const process = await ServiceProcess.open("access", read.value, unwinder);
  const provider = await process.provider();
  const asks = () =>
    provider.getBlockNumber().then(
      () => "there",
      ({ code }: { code?: string }) => code,
    );
  const traces = async () => {
    await process.telemetry.span("work", {}, async () => {});
    await process.telemetry.flush();
    return heard.includes("/v1/traces");
  };
  expect(await asks()).toBe("RPC_UNTRUSTED");
  expect(await traces()).toBe(false);
  await writeFile(file, authority.pem);
  await expect.poll(asks, { timeout: 60_000, interval: 500 }).toBe("there");
  await expect.poll(traces, { timeout: 60_000, interval: 500 }).toBe(true);
  await rm(file); // A file that is gone for a moment changes nothing.
  expect(await asks()).toBe("there");
});
