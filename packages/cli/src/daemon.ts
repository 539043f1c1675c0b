import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { CosFailure, checkHealth } from "@cos/client";

type RunFile = { readonly pid: number; readonly ready: boolean };

/** State of the background platform of a data folder. */
export async function readRunFile(dataDir: string): Promise<RunFile | undefined> {
  try {
    const found = JSON.parse(await readFile(join(dataDir, "run.json"), "utf8")) as RunFile;
    return isAlive(found.pid) ? found : undefined;
  } catch {
    return undefined;
  }
}

export type DaemonOptions = {
  readonly dataDir: string;
  /** Arguments of the platform's entry. */
  readonly args: readonly string[];
  readonly timeoutMs: number;
};

const startLog = (dataDir: string): string => join(dataDir, "logs", "start.log");

/**
 * Starts the platform in the background and waits until it is ready. Returns its pid; a running one is left alone.
 * Running means that it answers: the pid of a process that was just killed still counts as alive for a moment.
 */
export async function startDaemon({ dataDir, args, timeoutMs }: DaemonOptions): Promise<number> {
  const running = await readRunFile(dataDir);
  if (running?.ready === true && (await answers(dataDir))) return running.pid;
  await mkdir(join(dataDir, "logs"), { recursive: true, mode: 0o700 });
  await rm(join(dataDir, "run.json"), { force: true });
  const output = openSync(startLog(dataDir), "w", 0o600);
  const child = spawn(process.execPath, [platformEntry(), "--data", dataDir, ...args], {
    stdio: ["ignore", output, output],
    detached: true,
  });
  closeSync(output);
  let ended: string | undefined;
  child.once("error", (error) => {
    ended = error.message;
  });
  child.once("exit", (code, signal) => {
    ended = `exit ${code ?? signal}`;
  });
  child.unref();
  const until = Date.now() + timeoutMs;
  while (ended === undefined && Date.now() < until) {
    if ((await readRunFile(dataDir))?.ready === true) return child.pid ?? 0;
    await delay(100);
  }
  const said = (await readFile(startLog(dataDir), "utf8").catch(() => "")).split("\n")[0] ?? "";
  if (ended === undefined && child.pid !== undefined) process.kill(child.pid, "SIGTERM");
  throw new CosFailure(
    "unavailable",
    "START_FAILED",
    said === "" ? "the platform did not start in time" : said,
    {
      facts: { log: startLog(dataDir) },
      hint: "the log says more; `cos doctor` checks ports and disk",
    },
  );
}

/** Asks the background platform to stop and waits. Answers whether there was one. */
export async function stopDaemon(dataDir: string, timeoutMs: number): Promise<boolean> {
  const running = await readRunFile(dataDir);
  if (running === undefined) return false;
  process.kill(running.pid, "SIGTERM");
  const until = Date.now() + timeoutMs;
  while (isAlive(running.pid)) {
    if (Date.now() > until) {
      throw new CosFailure("unavailable", "STOP_FAILED", "the platform does not stop", {
        facts: { pid: running.pid },
        hint: "look at its log; as a last resort end the process by its pid: its state survives that",
      });
    }
    await delay(50);
  }
  await rm(join(dataDir, "run.json"), { force: true });
  return true;
}

/** Puts a copy of the platform file where clients of this home look for it. */
export async function copyPlatformFile(dataDir: string, target: string): Promise<void> {
  await writeFile(target, await readFile(join(dataDir, "platform.json")));
}

export const platformEntry = (): string => fileURLToPath(import.meta.resolve("@cos/standalone/main"));

/** Whether the gateway that the folder's platform file names answers; a taken connection alone proves nothing yet. */
async function answers(dataDir: string): Promise<boolean> {
  try {
    const text = await readFile(join(dataDir, "platform.json"), "utf8");
    const { services } = JSON.parse(text) as { services: { gateway: string } };
    return (await checkHealth(services.gateway)) !== "UNREACHABLE";
  } catch {
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
