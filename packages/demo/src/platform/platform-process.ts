import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { startAnvil } from "@cos/chain";
import { type Platform, readPlatformFile } from "@cos/client";
import type { PlatformOptions } from "@cos/standalone";
import type { FromPlatform, ToPlatform } from "./platform-child.ts";

/** A platform in a process of its own. */
export interface PlatformProcess {
  readonly platform: Platform;
  readonly platformFile: string;
  readonly logFile: string;
  readonly pid: number;
  /** Adds to the services' clock. */
  shiftClock(seconds: number): Promise<void>;
  /** Ends services, workers and chain in order; by force when they do not end in time. */
  stop(): Promise<void>;
  /** SIGKILL: services and workers are gone at once, the chain goes on, as after a crash. */
  kill(): Promise<void>;
}

const stopTimeoutMs = 20_000;

/** Starts a platform in a child process and waits until it is ready. */
export async function startPlatformProcess(options: Omit<PlatformOptions, "now">): Promise<PlatformProcess> {
  const child = fork(new URL("./platform-child.ts", import.meta.url), {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    serialization: "advanced",
  });
  const lastWords = keepTail(child);
  const chainDir = join(options.dataDir, "chain");
  try {
    tell(child, { kind: "start", options });
    const answer = await answerOf(child, lastWords);
    if (answer.kind !== "started") throw new Error(answer.kind === "failed" ? answer.message : answer.kind);
    return {
      platform: await readPlatformFile(answer.platformFile),
      platformFile: answer.platformFile,
      logFile: answer.logFile,
      pid: child.pid ?? 0,
      shiftClock: async (seconds) => {
        const shifted = answerOf(child, lastWords);
        tell(child, { kind: "shift-clock", seconds });
        await shifted;
      },
      stop: () => stopAll(child, chainDir),
      kill: async () => {
        const gone = hasEnded(child) ? undefined : once(child, "exit");
        child.kill("SIGKILL");
        await gone;
      },
    };
  } catch (cause) {
    await stopAll(child, chainDir);
    throw new Error(`the platform did not start: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

const tell = (child: ChildProcess, message: ToPlatform): void => void child.send(message);
const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

/** The next answer, or what the process said when it ended without one. */
async function answerOf(child: ChildProcess, lastWords: () => string): Promise<FromPlatform> {
  const stop = new AbortController();
  try {
    return await Promise.race([
      once(child, "message", { signal: stop.signal }).then(([message]) => message as FromPlatform),
      once(child, "exit", { signal: stop.signal }).then(([code, signal]): never => {
        throw new Error(`the platform's process ended (${code ?? signal})\n${lastWords()}`);
      }),
    ]);
  } finally {
    stop.abort();
  }
}

async function stopAll(child: ChildProcess, chainDir: string): Promise<void> {
  if (!hasEnded(child)) {
    const gone = once(child, "exit");
    const force = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
    if (child.connected) tell(child, { kind: "stop" });
    await gone;
    clearTimeout(force);
  }
  // An orderly stop ends the chain too; after a crash it is still there.
  if (existsSync(join(chainDir, "anvil.json"))) await (await startAnvil({ dataDir: chainDir })).stop();
}

function keepTail(child: ChildProcess): () => string {
  let tail = "";
  child.stderr?.on("data", (bytes: Buffer) => {
    tail = `${tail}${bytes.toString("utf8")}`.slice(-4_000);
  });
  return () => tail;
}
