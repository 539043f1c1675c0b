import { execFile } from "node:child_process";
import { access, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { cosFor, type Ran } from "./cos-in-process.ts";
import { writeSmallCohort } from "./small-cohort.ts";

const run = promisify(execFile);
const launcher = fileURLToPath(new URL("../bin/cos.mjs", import.meta.url));
const passphrase = "a passphrase of the test";

let folder: string;
let home: string;

/** The real executable, as a process of its own. */
async function cosProcess(...args: string[]): Promise<{ code: number; json: Record<string, unknown> }> {
  const env = { ...process.env, COS_PASSPHRASE: passphrase };
  const all = [launcher, "--home", home, "--json", ...args];
  const { stdout, code } = await run(process.execPath, all, { env }).then(
    (done) => ({ stdout: done.stdout, code: 0 }),
    (failed: { stdout: string; code: number }) => ({ stdout: failed.stdout, code: failed.code }),
  );
  return { code, json: JSON.parse(stdout) as Record<string, unknown> };
}

const ok = ({ code, json }: Pick<Ran, "code" | "json">): Record<string, unknown> => {
  expect(json).not.toHaveProperty("error");
  expect(code).toBe(0);
  return json;
};

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cos-killed-"));
  home = join(folder, "home");
});

afterAll(async () => {
  await cosProcess("down", "--purge").catch(() => {});
  await rm(folder, { recursive: true, force: true });
}, 180_000);

it("finishes after a SIGKILL what was running before it, once, and purges without a trace", async () => {
  const first = ok(await cosProcess("up"));
  const cos = (account: string) =>
    cosFor({ home, platform: join(home, "platform.json"), passphrase, account });
  const [owner, researcher] = [cos("owner"), cos("researcher")];
  ok(await owner("keys", "new"));
  ok(await researcher("keys", "new"));
  const files = await writeSmallCohort(folder, { first: 120, later: 20 });
  const encrypt = ["dataset", "encrypt", "--bfile", files.first, "--pheno", files.pheno];
  const out = join(folder, "encrypted");
  const traits = ["--pheno-name", "biomarker", "--unmatched", "missing"];
  const { kit } = ok(await owner(...encrypt, ...traits, "--out", out));
  ok(await owner("keys", "restore", "--check", kit as string));
  ok(await owner("dataset", "publish", out));
  const request = join(folder, "request.json");
  ok(await researcher("access", "request", "--dataset", "1", "--statement", "levels", "--out", request));
  ok(await owner("access", "grant", "1", "--request-file", request, "--auto-authorise"));

  const job = ["--grant", "1", "--program", "linear-regression", "--trait", "biomarker"];
  const { permitId } = ok(await researcher("job", "run", ...job, "--no-wait"));
  process.kill(first.pid as number, "SIGKILL");

  const second = ok(await cosProcess("up"));
  expect(second.pid).not.toBe(first.pid);
  const watched = ok(await researcher("job", "watch", permitId as string, "--until", "SETTLED"));
  expect(watched).toMatchObject({ state: "SETTLED" });
  ok(await owner("result", "verify", permitId as string));
  const { events } = ok(await owner("audit", "--permit", permitId as string));
  const story = (events as { event: string }[]).map(({ event }) => event);
  expect(story.filter((event) => event === "JobResultPosted")).toHaveLength(1);
  expect(story.filter((event) => event === "JobAccepted")).toHaveLength(1);

  const chain = JSON.parse(await readFile(join(home, "platform", "chain", "anvil.json"), "utf8")) as {
    pid: number;
  };
  ok(await cosProcess("down", "--purge"));
  expect(isAlive(second.pid as number)).toBe(false);
  expect(isAlive(chain.pid)).toBe(false);
  await expect(access(join(home, "platform"))).rejects.toMatchObject({ code: "ENOENT" });
  await expect(access(join(home, "platform.json"))).rejects.toMatchObject({ code: "ENOENT" });
  await access(join(home, "accounts", "owner.json")); // a person's keys are not the platform's
}, 240_000);
