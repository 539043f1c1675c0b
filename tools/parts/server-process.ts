import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

/** How to run a server in the foreground, and how to see that it serves. */
export type ServerCommand = {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Runs as this user; only root can ask for it. */
  readonly uid?: number;
  readonly gid?: number;
  readonly cwd: string;
  /** File that takes its output, for people and for the message of a failed start. */
  readonly logFile: string;
  /** Resolves when the server answers; throws while it does not. */
  answers(): Promise<void>;
  /** Signal that stops it in order. */
  readonly stopSignal: NodeJS.Signals;
};

/** A server that a test may kill and start again on the same port and data. */
export interface ServerProcess {
  readonly running: boolean;
  /** Starts it and waits until it answers. */
  start(): Promise<void>;
  /** Stops it in order, or at once after 10 s. */
  stop(): Promise<void>;
  /** SIGKILL to it and all of its children, as a machine that fails: nothing is flushed, nobody says goodbye. */
  kill(): Promise<void>;
  /** Holds it (SIGSTOP): connections stay open and nothing answers, as when the network fails. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
}

const startWithinMs = 60_000;
const stopWithinMs = 10_000;

/** Signals reach every child of the server, also those that left its process group, as Postgres' do. */
export function serverProcess(server: ServerCommand): ServerProcess {
  let child: ChildProcess | undefined;
  const signal = async (name: NodeJS.Signals): Promise<void> => {
    if (child?.pid === undefined) return;
    const descendants = await descendantsOf(child.pid);
    for (const target of [-child.pid, ...descendants]) {
      try {
        process.kill(target, name);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
      }
    }
  };
  const running = (): boolean =>
    child?.pid !== undefined && child.exitCode === null && child.signalCode === null;
  const gone = async (): Promise<void> => {
    if (child !== undefined && running()) await once(child, "exit");
  };

  const start = async (): Promise<void> => {
    if (running()) return;
    const until = performance.now() + startWithinMs;
    for (;;) {
      child = launch(server);
      const failure = await answersOrEnds(server, child, until);
      if (failure === undefined) return;
      await signal("SIGKILL");
      await gone();
      // A killed server's port, lock or shared memory may be in use for a moment longer: it ends, and is tried again.
      if (performance.now() > until) throw new Error(`${failure}\n${await tailOf(server.logFile)}`);
      await delay(250);
    }
  };
  return {
    get running() {
      return running();
    },
    start,
    stop: async () => {
      if (!running()) return;
      child?.kill(server.stopSignal);
      const force = setTimeout(() => void signal("SIGKILL"), stopWithinMs);
      await gone();
      clearTimeout(force);
      await signal("SIGKILL"); // children that outlived it
    },
    kill: async () => {
      await signal("SIGKILL");
      await gone();
    },
    freeze: async () => {
      await signal("SIGSTOP");
      while (running() && (await stateOf(child?.pid ?? 0)) !== "T") await delay(5);
    },
    thaw: () => signal("SIGCONT"),
  };
}

function launch({ command, args, env, uid, gid, cwd, logFile }: ServerCommand): ChildProcess {
  const log = createWriteStream(logFile, { flags: "a", mode: 0o600 });
  const child = spawn(command, [...args], {
    cwd,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env.PATH, LANG: "C.UTF-8", HOME: cwd, ...env },
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  });
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  child.once("close", () => log.end());
  child.on("error", (error) => log.write(`${error.message}\n`));
  return child;
}

/** @returns why it does not serve, or undefined */
async function answersOrEnds(
  { name, answers }: ServerCommand,
  child: ChildProcess,
  until: number,
): Promise<string | undefined> {
  while (performance.now() < until) {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
      return `${name} ended while it started`;
    }
    try {
      await answers();
      return undefined;
    } catch {
      await delay(50);
    }
  }
  return `${name} does not answer`;
}

/** Children and their children, where the system tells (Linux). */
async function descendantsOf(root: number): Promise<number[]> {
  const parents = new Map<number, number>();
  for (const name of await readdir("/proc").catch(() => [])) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
    parents.set(Number(name), Number(/^\d+ \(.*\) \S (\d+)/s.exec(stat)?.[1] ?? 0));
  }
  const found = [root];
  for (const parent of found) {
    for (const [pid, of] of parents) if (of === parent) found.push(pid);
  }
  return found.slice(1);
}

/** The kernel's letter for what a process does, such as `T` for stopped; `T` too where nobody tells. */
async function stateOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return /^\d+ \(.*\) (\S)/s.exec(stat)?.[1] ?? "T";
}

const tailOf = async (file: string): Promise<string> => {
  const text = await readFile(file, "utf8").catch(() => "");
  return text.trimEnd().split("\n").slice(-12).join("\n");
};
