import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

export type ProcessPlan = {
  readonly name: string;
  /** TypeScript or JavaScript entry that Node.js runs. */
  readonly entry: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Where its output is appended. */
  readonly outputFile: string;
  /** Whether it answers. */
  readonly isReady: () => Promise<boolean>;
  /** What of this process's environment the child inherits beside PATH, HOME and TMPDIR. */
  readonly inherit?: readonly string[];
};

/** Runs an entry once. @throws with its last words when it fails */
export async function runToEnd(plan: Omit<ProcessPlan, "isReady">, args: readonly string[]): Promise<void> {
  const child = spawnPlan(plan, args);
  const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
  if (code === 0) return;
  throw new Error(`${plan.name} ended with ${code ?? signal}\n${await lastWords(plan.outputFile)}`);
}

function spawnPlan(plan: Omit<ProcessPlan, "isReady">, args: readonly string[] = []): ChildProcess {
  const { entry, environment, outputFile, inherit = [] } = plan;
  const output = openSync(outputFile, "a", 0o600);
  const kept = ["PATH", "HOME", "TMPDIR", ...inherit].flatMap((key) =>
    process.env[key] === undefined ? [] : [[key, process.env[key]]],
  );
  const child = spawn(process.execPath, [entry, ...args], {
    stdio: ["ignore", output, output],
    env: { ...Object.fromEntries(kept), ...environment },
  });
  child.once("error", () => {});
  closeSync(output);
  return child;
}

const lastWords = async (file: string): Promise<string> =>
  (await readFile(file, "utf8").catch(() => "")).slice(-2_000);

/** One process of a fleet, that can be started, stopped, killed and started again. */
export class ManagedProcess {
  readonly plan: ProcessPlan;
  #child: ChildProcess | undefined;

  constructor(plan: ProcessPlan) {
    this.plan = plan;
  }

  get name(): string {
    return this.plan.name;
  }

  get pid(): number | undefined {
    return this.isRunning() ? this.#child?.pid : undefined;
  }

  isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts it without waiting for its answer. */
  spawn(): void {
    if (this.isRunning()) return;
    this.#child = spawnPlan(this.plan);
  }

  /** Starts it and waits until it answers. @throws with its last words when it ends or does not answer in time */
  async start(timeoutMs = 180_000): Promise<void> {
    this.spawn();
    await this.ready(timeoutMs);
  }

  async ready(timeoutMs = 180_000): Promise<void> {
    const until = performance.now() + timeoutMs;
    while (performance.now() < until) {
      if (!this.isRunning()) break;
      if (await this.plan.isReady()) return;
      await delay(100);
    }
    const said = await lastWords(this.plan.outputFile);
    throw new Error(`${this.name} ${this.isRunning() ? "does not answer" : "ended"}\n${said}`);
  }

  /** SIGKILL; answers when it is gone. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** SIGTERM; SIGKILL when it has not ended in time. Answers whether it ended by itself. */
  async stop(timeoutMs = 30_000): Promise<boolean> {
    return this.#end("SIGTERM", timeoutMs);
  }

  /** Stops the process without ending it (SIGSTOP), as a long pause of the machine would; `resume` goes on. */
  pause(): void {
    this.#child?.kill("SIGSTOP");
  }

  resume(): void {
    this.#child?.kill("SIGCONT");
  }

  async #end(signal: NodeJS.Signals, timeoutMs?: number): Promise<boolean> {
    const child = this.#child;
    if (child === undefined || !this.isRunning()) return true;
    const gone = once(child, "exit");
    child.kill(signal);
    let forced = false;
    const force = setTimeout(() => {
      forced = true;
      child.kill("SIGKILL");
    }, timeoutMs ?? 2_147_483_647);
    await gone;
    clearTimeout(force);
    return !forced;
  }
}
