import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, writeFileSync } from "node:fs";
import { mkdir, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { JsonRpcProvider } from "ethers";

export interface AnvilOptions {
  /** Folder of the chain's state file, its pid file and its log. */
  readonly dataDir: string;
  /** 0 picks a free one; a chain that is restarted keeps the port it had. */
  readonly port?: number;
  /** Address to listen on; the loopback when left out. Its RPC obeys whoever reaches it. */
  readonly host?: string;
  readonly chainId?: number;
  /** Seconds between blocks; left out: a block for each transaction. */
  readonly blockTimeSeconds?: number;
  /** False: no heartbeat; the caller starts one (`startHeartbeat`), on a way of its own to the chain. */
  readonly beats?: boolean;
}

/** The embedded chain. */
export interface Anvil {
  readonly rpcUrl: string;
  readonly chainId: number;
  /** Writes the state and ends the chain. */
  stop(): Promise<void>;
  /** Leaves the chain running for the next `startAnvil` on this folder. */
  release(): void;
}

type PidFile = { pid: number; port: number; chainId: number };

/**
 * Starts the embedded chain, or takes up the one that a killed process left running on this folder.
 *
 * Anvil is a process of its own, so that a SIGKILL of the platform leaves the chain alone. It mines a block for each
 * transaction; a heartbeat adds empty blocks after them until they are final, and none when nothing happens, so that an
 * idle chain does not grow. Gas is free. The state is written each second and on a stop; a SIGKILL of anvil itself loses
 * at most the last second, which services see as a reorganisation.
 */
export async function startAnvil(options: AnvilOptions): Promise<Anvil> {
  const { dataDir, port = 0, host = "127.0.0.1", chainId = 31_337, blockTimeSeconds, beats = true } = options;
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const pidFile = join(dataDir, "anvil.json");
  const last = await readPidFile(pidFile);
  const running =
    (await takeUp(last)) ??
    (await launch(dataDir, pidFile, { chainId, host, port: port || (last?.port ?? 0), blockTimeSeconds }));
  const rpcUrl = `http://127.0.0.1:${running.port}`;
  const heartbeat =
    beats && blockTimeSeconds === undefined ? startHeartbeat(rpcUrl, running.chainId) : { stop: () => {} };
  return {
    rpcUrl,
    chainId: running.chainId,
    release: () => heartbeat.stop(),
    stop: async () => {
      heartbeat.stop();
      await endProcess(running.pid);
      await rm(pidFile, { force: true });
    },
  };
}

async function readPidFile(file: string): Promise<PidFile | undefined> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as PidFile;
  } catch {
    return undefined;
  }
}

/** The chain that an earlier process left running. Its own process must live: another chain may have got its port. */
async function takeUp(last: PidFile | undefined): Promise<PidFile | undefined> {
  if (last === undefined || !isAlive(last.pid)) return undefined;
  for (let attempt = 0; attempt < 40; attempt++) {
    if (await answersAs(last.port, last.chainId)) return last;
    if (!isAlive(last.pid)) return undefined;
    await delay(50);
  }
  return undefined;
}

async function launch(
  dataDir: string,
  pidFile: string,
  wanted: { port: number; host: string; chainId: number; blockTimeSeconds: number | undefined },
): Promise<PidFile> {
  const { chainId, host } = wanted;
  const port = wanted.port !== 0 && (await isFree(wanted.port)) ? wanted.port : await freePort();
  const logFile = openSync(join(dataDir, "anvil.log"), "a", 0o600);
  const flags = `--host ${host} --port ${port} --chain-id ${chainId} --accounts 0 --silent`;
  const state = join(dataDir, "anvil-state.json");
  const child = spawn(
    anvilBinary(),
    [
      ...flags.split(" "),
      ...["--gas-price", "0", "--block-base-fee-per-gas", "0", "--disable-min-priority-fee"],
      ...(wanted.blockTimeSeconds === undefined ? [] : ["--block-time", String(wanted.blockTimeSeconds)]),
      ...["--slots-in-an-epoch", "1", "--state", state, "--state-interval", "1"],
    ],
    { stdio: ["ignore", logFile, logFile], detached: true },
  );
  closeSync(logFile);
  child.unref();
  const running = { pid: child.pid ?? 0, port, chainId };
  // Before anything is awaited: a kill here must not leave a chain that nobody finds again.
  writeFileSync(pidFile, JSON.stringify(running), { mode: 0o600 });
  await untilAnswering(child, port, chainId);
  return running;
}

async function untilAnswering(child: ChildProcess, port: number, chainId: number): Promise<void> {
  let ended: string | undefined;
  child.once("error", (error) => {
    ended = error.message;
  });
  child.once("exit", (code, signal) => {
    ended = `it ended with ${code ?? signal}`;
  });
  for (let attempt = 0; attempt < 200; attempt++) {
    if (ended !== undefined) throw new Error(`the embedded chain did not start: ${ended}; see anvil.log`);
    if (await answersAs(port, chainId)) {
      child.removeAllListeners();
      return;
    }
    await delay(50);
  }
  throw new Error("the embedded chain did not answer within 10 s; see anvil.log");
}

async function answersAs(port: number, chainId: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] }),
      signal: AbortSignal.timeout(1_000),
    });
    const { result } = (await response.json()) as { result?: string };
    return Number(result) === chainId;
  } catch {
    return false;
  }
}

/** Blocks after the last transaction until it is final with one-slot epochs. */
const blocksToFinality = 3;

/** Adds empty blocks after those with transactions until they are final. */
export function startHeartbeat(rpcUrl: string, chainId: number): { stop(): void } {
  const provider = new JsonRpcProvider(rpcUrl, chainId, { staticNetwork: true, cacheTimeout: -1 });
  let quiet = 0;
  let seen = -1;
  const beat = async () => {
    const block = await provider.getBlock("latest");
    if (block === null) return;
    if (block.number !== seen && block.transactions.length > 0) quiet = 0;
    seen = block.number;
    if (quiet >= blocksToFinality) return;
    await provider.send("evm_mine", []);
    quiet++;
    seen++;
  };
  const timer = setInterval(() => void beat().catch(() => {}), 400);
  return {
    stop: () => {
      clearInterval(timer);
      provider.destroy();
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function endProcess(pid: number): Promise<void> {
  if (!isAlive(pid)) return;
  process.kill(pid, "SIGTERM");
  for (let attempt = 0; attempt < 100; attempt++) {
    if (!isAlive(pid)) return;
    await delay(50);
  }
  process.kill(pid, "SIGKILL");
}

/** The binary itself, not npm's wrapper script: a signal must reach the chain, not its parent. */
function anvilBinary(): string {
  const require = createRequire(import.meta.url);
  const platform = `${process.platform}-${process.arch === "x64" ? "amd64" : process.arch}`;
  const folder = dirname(require.resolve(`@foundry-rs/anvil-${platform}/package.json`));
  const binary = join(folder, "bin", process.platform === "win32" ? "anvil.exe" : "anvil");
  if (!existsSync(binary)) throw new Error(`no anvil for ${platform}: run npm ci`);
  return binary;
}

const freePort = (): Promise<number> => listenBriefly(0).then((port) => port ?? 0);
const isFree = async (port: number): Promise<boolean> => (await listenBriefly(port)) !== undefined;

function listenBriefly(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : undefined));
    });
  });
}
