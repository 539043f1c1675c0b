import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type RunningPlatform, startPlatform } from "@cos/standalone";
import { type TempFolder, tempFolder } from "@cos/testkit";
import { afterAll, beforeAll, expect, it } from "vitest";
import { cosFor } from "./cos-in-process.ts";

let folder: TempFolder;
let running: RunningPlatform;
let cos: ReturnType<typeof cosFor>;
/** Every command needs the token, here out of the local platform's own folder. */
let data: readonly string[];

beforeAll(async () => {
  folder = await tempFolder("cos-ops");
  const dataDir = join(folder.path, "platform");
  running = await startPlatform({ dataDir, workers: 1 });
  cos = cosFor({ home: folder.path, platform: running.platformFile, passphrase: "x" });
  data = ["--data", dataDir];
});
afterAll(async () => {
  await running.stop();
  await folder.remove();
});

it("shows every service that keeps state, with the mirror's height", async () => {
  const { code, json } = await cos("ops", "status", ...data);
  expect(code).toBe(0);
  const services = json.services as { service: string; facts: Record<string, string> }[];
  expect(services.map(({ service }) => service).toSorted()).toEqual([
    "access",
    "gateway",
    "orchestrator",
    "settlement",
  ]);
  const access = services.find(({ service }) => service === "access");
  expect(Number(access?.facts["mirror.tip"])).toBeGreaterThan(0);
});

it("lists dead letters of all services; one that is not there is not found", async () => {
  expect((await cos("ops", "dead-letter", "list", ...data)).json).toEqual({ deadLetters: [] });
  const shown = await cos("ops", "dead-letter", "show", "7", "--service", "gateway", ...data);
  expect(shown).toMatchObject({ code: 4, json: { error: { code: "NO_SUCH_DEAD_LETTER" } } });
  const retried = await cos("ops", "dead-letter", "retry", "7", "--service", "nobody", ...data);
  expect(retried).toMatchObject({ code: 2 });
});

it("says what a rewind would do, does it, and resumes only what is halted", async () => {
  const rewind = ["ops", "mirror", "rewind", "--from-block", "5", ...data];
  const foreseen = await cos(...rewind, "--dry-run");
  expect(foreseen).toMatchObject({ code: 0, json: { fromBlock: 5, dryRun: true } });
  const done = await cos(...rewind);
  expect(done).toMatchObject({ code: 0, json: { fromBlock: 5, dryRun: false } });
  expect(Number(done.json.retracted)).toBeGreaterThan(0);
  expect(await cos("ops", "mirror", "resume", ...data)).toMatchObject({
    code: 3,
    json: { error: { code: "NOT_HALTED" } },
  });
});

it("lists operator transactions, and finds none of an unknown name", async () => {
  expect((await cos("ops", "sender", "pending", ...data)).json).toEqual({ intents: [] });
  for (const verb of ["bump", "cancel"]) {
    const changed = await cos("ops", "sender", verb, "post-result:0x00", "--dry-run", ...data);
    expect(changed).toMatchObject({ code: 4, json: { error: { code: "NO_SUCH_INTENT" } } });
  }
});

it("is refused with another token, and says where a token would come from without one", async () => {
  const file = join(folder.path, "token");
  await writeFile(file, "not the token\n");
  const refused = await cos("ops", "sender", "pending", "--token-file", file);
  expect(refused).toMatchObject({ code: 3, json: { error: { code: "BAD_SERVICE_TOKEN" } } });
  const lost = await cos("ops", "sender", "pending", "--data", join(folder.path, "nowhere"));
  expect(lost).toMatchObject({ code: 4, json: { error: { code: "NO_SERVICE_TOKEN" } } });
});

it("lists signing keys, and rotates them", async () => {
  const [first] = (await cos("ops", "keys", "list", ...data)).json.keys as { kid: string }[];
  const planned = await cos("ops", "keys", "rotate", "--dry-run", ...data);
  expect(planned).toMatchObject({
    code: 0,
    json: {
      dryRun: true,
      keys: [
        { kid: first?.kid, state: "signing" },
        { kid: null, state: "published" },
      ],
    },
  });
  expect((await cos("ops", "keys", "rotate", ...data)).code).toBe(0);
  expect(await cos("ops", "keys", "rotate", ...data)).toMatchObject({
    code: 3,
    json: { error: { code: "ROTATION_PENDING" } },
  });
});

it("drains a worker by number, address or place; a dry run leaves it at work", async () => {
  const drain = (...more: string[]) => cos("ops", "drain", ...more, ...data);
  const foreseen = await drain("1", "--dry-run");
  expect(foreseen).toMatchObject({ code: 0, json: { draining: false, dryRun: true } });
  const { address, worker } = foreseen.json as { address: string; worker: string };
  expect(await drain(worker, "--dry-run")).toMatchObject({ code: 0, json: { address, draining: false } });
  expect(await drain(address, "--wait", "10")).toMatchObject({
    code: 0,
    json: { worker, draining: true, running: 0, dryRun: false },
  });
  expect(await drain("worker-1")).toMatchObject({ code: 0, json: { draining: true } });
});

it("says which worker it does not know, and that a wait is seconds", async () => {
  const unknown = await cos("ops", "drain", "9", ...data);
  expect(unknown).toMatchObject({
    code: 4,
    json: { error: { code: "NO_SUCH_WORKER", message: "the platform file names no worker '9'" } },
  });
  expect(await cos("ops", "drain", "1", "--wait", "soon", ...data)).toMatchObject({
    code: 2,
    json: {
      error: { message: "--wait is a whole number from 1 to 86400, not 'soon'" },
    },
  });
  expect(await cos("ops", "drain", "127.0.0.1:9", ...data)).toMatchObject({ code: 5 });
});

it.each([
  [["mirror", "rewind", "--from-block", "-1"], "--from-block is a whole number from 0"],
  [["dead-letter", "show", "x", "--service", "gateway"], "ID is a whole number from 1"],
  [["dead-letter", "list", "--limit", "0"], "--limit is a whole number from 1 to 1000, not '0'"],
  [
    ["dead-letter", "list", "--service", "worker"],
    "--service is one of access, orchestrator, gateway, settlement",
  ],
])("refuses %j by saying what is expected", async (words, message) => {
  const refused = await cos("ops", ...words, ...data);
  expect(refused.code).toBe(2);
  expect((refused.json.error as { message: string }).message).toContain(message);
});
