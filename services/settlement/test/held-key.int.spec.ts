import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type EmbeddedObjects, openEmbeddedObjects } from "@cos/objects";
import { partSettings, ServiceProcess, type SignerSettings, Unwinder } from "@cos/parts";
import { readConfig } from "@cos/service-host";
import { openEmbeddedStore, type Store } from "@cos/store";
import { id } from "ethers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Harness, openHarness } from "./harness.ts";
import { startWorld, type World } from "./world.ts";

const token = "only-settlement-may-sign";
const none: SignerSettings = {
  keyFile: undefined,
  keyId: undefined,
  url: undefined,
  tokenFile: undefined,
  caFile: undefined,
};
const settingsOf = ["COS_SETTLEMENT_SETTLER", "COS_SETTLEMENT_SIGNER"] as const;
let world: World;
let store: Store;
let objects: EmbeddedObjects;
let folder: string;
let harness: Harness;
let kms: ChildProcess;
let url = "";
const unwinder = new Unwinder();
let host: ServiceProcess;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cos-held-key-"));
  [world, store, objects] = await Promise.all([
    startWorld(),
    openEmbeddedStore(),
    openEmbeddedObjects({ dataDir: folder }),
  ]);
  harness = await openHarness(world, store, objects.store);
  const entry = fileURLToPath(new URL("../../../packages/client/test/kms-signer.ts", import.meta.url));
  kms = spawn(process.execPath, [entry, world.people.settler.privateKey, token], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(kms.stdout ?? kms, "data")) as [Buffer];
  url = line.toString().trim();
  await writeFile(join(folder, "token"), `${token}\n`);
  await writeFile(join(folder, "key"), world.people.usage.privateKey);
  const config = readConfig(partSettings, "COS_", { COS_LOG_FILE: join(folder, "log") });
  if (!config.ok) throw new Error("bad settings");
  host = await ServiceProcess.open("settlement", config.value, unwinder);
});
afterAll(async () => {
  kms?.kill();
  await unwinder.unwind();
  await harness?.close();
  await world?.stop();
  await store?.close();
  await objects?.close();
  await rm(folder, { recursive: true, force: true });
});

it("posts and accepts with a key that a signer holds and never shows", async () => {
  const settler = await host.signer(...settingsOf, {
    ...none,
    keyId: "study-key",
    url,
    tokenFile: join(folder, "token"),
  });
  const usage = await host.signer("COS_SETTLEMENT_USAGE", "COS_SETTLEMENT_SIGNER", {
    ...none,
    keyFile: join(folder, "key"),
  });
  expect(settler).not.toHaveProperty("privateKey");
  const permitId = await world.issuePermit();
  const commitment = Buffer.from(id("a result").slice(2), "hex");
  await harness.job(permitId, {
    $case: "jobCompleted",
    value: { resultCommitment: commitment, resultUri: "cos-object:aa" },
  });
  await harness.settle([...harness.passesWith({ signers: { settler, usage } })]);
  expect(await harness.intents()).toMatchObject({
    [`post-result:${permitId}`]: { state: "confirmed" },
    [`accept:${permitId}`]: { state: "confirmed" },
  });
  expect(await world.provider.getTransactionCount(world.people.settler.address)).toBe(2);
});

it("does not start with two keys, none, or a key of nobody", async () => {
  const open = (settings: Partial<SignerSettings>) => host.signer(...settingsOf, { ...none, ...settings });
  const either = "set either COS_SETTLEMENT_SETTLER_KEY_FILE or COS_SETTLEMENT_SETTLER_KEY_ID";
  await expect(open({})).rejects.toThrow(either);
  await expect(open({ keyFile: join(folder, "key"), keyId: "study-key", url })).rejects.toThrow(either);
  await expect(open({ keyId: "study-key" })).rejects.toThrow("needs the URL of its signer");
  await expect(open({ keyId: "study-key", url })).rejects.toMatchObject({
    code: "SIGNER_REFUSED",
    status: 403,
  });
  await expect(open({ keyId: "study-key", url: "http://signer.example" })).rejects.toMatchObject({
    code: "SIGNER_IN_THE_CLEAR",
  });
});
