import { mkdir, readdir, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { CosFailure, explainRevert, readPlatformFile } from "@cos/client";
import type { Command } from "commander";
import { Contract, computeAddress, JsonRpcProvider, Wallet } from "ethers";
import type { Act } from "../act.ts";
import type { Context } from "../context.ts";
import { copyPlatformFile, startDaemon, stopDaemon } from "../daemon.ts";
import type { CommandResult } from "../output.ts";
import { amount, wholeNumber } from "./parse.ts";

/** `cos up`, `cos down`, `cos credit`: the operator's side of a local platform. */
export function addPlatformCommands(program: Command, act: Act): void {
  program
    .command("up")
    .description(
      "start a platform on this machine: chain, five services, two workers; goes on where it stopped",
    )
    .option("--data <dir>", "where it keeps its state (default HOME/platform)")
    .option("--workers <n>", "FHE workers", "2")
    .option("--threads <n>", "evaluator threads of each worker", "1")
    .option("--region <name>", "region of gateway and workers", "local")
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--gateway-port <n>", "gRPC port of the gateway (default: as last time, or a free one)", "0")
    .option("--chain-port <n>", "port of the chain's RPC (default: as last time, or a free one)", "0")
    .option("--timeout <seconds>", "give up when it is not ready by then", "120")
    .option("--foreground", "stay in the foreground until interrupted")
    .action(act(up));
  program
    .command("down")
    .description("stop the platform of this home")
    .option("--data <dir>", "where it keeps its state (default HOME/platform)")
    .option("--purge", "then delete its chain, database, objects, keys and logs; your own keys stay")
    .option("--timeout <seconds>", "give up when it has not stopped by then", "60")
    .action(act(down));
  program
    .command("credit")
    .description("operator of a local platform: give development credits to an account")
    .requiredOption("--to <address>", "who receives them")
    .requiredOption("--amount <n>", "in the token's smallest unit")
    .option("--data <dir>", "where the platform keeps its state (default HOME/platform)")
    .action(act(credit));
}

type UpOptions = {
  data?: string;
  workers: string;
  threads: string;
  region: string;
  host: string;
  gatewayPort: string;
  chainPort: string;
  timeout: string;
  foreground?: boolean;
};

const dataDirOf = (context: Context, options: { data?: string }): string =>
  options.data === undefined ? context.home.platformData : context.path(options.data);

async function up(context: Context, options: UpOptions): Promise<CommandResult> {
  const dataDir = dataDirOf(context, options);
  const workers = wholeNumber(options.workers, "--workers", 1, 64);
  const threads = wholeNumber(options.threads, "--threads", 1, 256);
  const gatewayPort = wholeNumber(options.gatewayPort, "--gateway-port", 0, 65_535);
  const chainPort = wholeNumber(options.chainPort, "--chain-port", 0, 65_535);
  await mkdir(context.home.dir, { recursive: true, mode: 0o700 });
  if (options.foreground === true) {
    return foreground(context, {
      dataDir,
      workers,
      threadsPerWorker: threads,
      region: options.region,
      host: options.host,
      ports: { gateway: gatewayPort, chain: chainPort },
    });
  }
  const args = [
    ...["--workers", `${workers}`, "--threads", `${threads}`, "--region", options.region],
    ...["--host", options.host, "--gateway-port", `${gatewayPort}`, "--chain-port", `${chainPort}`],
  ];
  const timeoutMs = wholeNumber(options.timeout, "--timeout", 1) * 1000;
  const pid = await startDaemon({ dataDir, args, timeoutMs });
  await copyPlatformFile(dataDir, context.home.platformFile);
  return described(context, dataDir, pid);
}

async function foreground(
  context: Context,
  options: Parameters<typeof import("@cos/standalone").startPlatform>[0],
): Promise<CommandResult> {
  const { startPlatform } = await import("@cos/standalone");
  const running = await startPlatform(options);
  await copyPlatformFile(options.dataDir, context.home.platformFile);
  const shown = await described(context, options.dataDir, process.pid);
  for (const line of shown.text) context.out.note(line);
  await new Promise<void>((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
  await running.stop();
  return { data: { stopped: true }, text: ["stopped"] };
}

async function described(context: Context, dataDir: string, pid: number): Promise<CommandResult> {
  const platform = await readPlatformFile(join(dataDir, "platform.json"));
  const { services, chain } = platform;
  return {
    data: { pid, dataDir, platformFile: context.home.platformFile, platform },
    text: [
      `platform   ready (pid ${pid}), state in ${dataDir}`,
      `gateway    ${services.gateway}`,
      `access     ${services.access}`,
      `settlement ${services.settlement}`,
      `workers    ${services.workers.join(", ")}`,
      `chain      ${chain.rpcUrl} (id ${chain.chainId}); gas is free, nobody needs coin`,
      `clients    --platform ${context.home.platformFile}`,
    ],
  };
}

async function down(
  context: Context,
  options: { data?: string; purge?: boolean; timeout: string },
): Promise<CommandResult> {
  const dataDir = dataDirOf(context, options);
  const stopped = await stopDaemon(dataDir, wholeNumber(options.timeout, "--timeout", 1) * 1000);
  const orphan = stopped ? false : await stopOrphanedChain(dataDir);
  if (options.purge === true) await purge(context, dataDir);
  const was = stopped
    ? "stopped"
    : orphan
      ? "the platform was gone; its chain is stopped"
      : "nothing was running";
  return {
    data: { stopped, orphanedChainStopped: orphan, purged: options.purge === true },
    text: [
      was,
      ...(options.purge === true ? [`deleted ${dataDir}; your accounts and dataset keys stay`] : []),
    ],
  };
}

/** A killed platform leaves its chain running on purpose; `down` ends that too. */
async function stopOrphanedChain(dataDir: string): Promise<boolean> {
  const chainDir = join(dataDir, "chain");
  const hasChain = await readdir(chainDir).then(
    (files) => files.includes("anvil.json"),
    () => false,
  );
  if (!hasChain) return false;
  const { startAnvil } = await import("@cos/chain");
  await (await startAnvil({ dataDir: chainDir })).stop();
  return true;
}

async function purge(context: Context, dataDir: string): Promise<void> {
  const present = await readdir(dataDir).catch((): string[] => []);
  if (present.length > 0 && !present.some((file) => ["operator-keys.json", "logs", "store"].includes(file))) {
    throw new CosFailure(
      "usage",
      "NOT_A_PLATFORM",
      `${dataDir} is not a platform's folder; nothing was deleted`,
    );
  }
  await rm(dataDir, { recursive: true, force: true });
  await rm(context.home.platformFile, { force: true });
  await rmdir(context.home.dir).catch(() => {}); // keys and notes, where there are any, keep the folder
}

async function credit(
  context: Context,
  options: { to: string; amount: string; data?: string },
): Promise<CommandResult> {
  const dataDir = dataDirOf(context, options);
  const platform = await readPlatformFile(join(dataDir, "platform.json"));
  const token = platform.chain.feeTokens[0];
  if (token === undefined || !/^0x[0-9a-fA-F]{40}$/.test(options.to)) {
    throw new CosFailure("usage", "BAD_ARGUMENT", "--to is an address, on a platform with a fee token");
  }
  const { operatorKeys } = await import("@cos/standalone/operator-keys");
  const { creditTokenAbi } = await import("@cos/chain");
  const keys = await operatorKeys(dataDir, 0);
  const wanted = amount(options.amount, "--amount");
  const provider = new JsonRpcProvider(platform.chain.rpcUrl, platform.chain.chainId, {
    staticNetwork: true,
  });
  try {
    const contract = new Contract(token.address, creditTokenAbi, new Wallet(keys.minter, provider));
    const sent = await contract.getFunction("mint").send(options.to, wanted, { gasPrice: 0n });
    await sent.wait();
    return {
      data: {
        to: options.to,
        amount: wanted,
        token: token.address,
        transaction: sent.hash,
        by: computeAddress(keys.minter),
      },
      text: [`${wanted} of ${token.symbol} to ${options.to} (${sent.hash})`],
    };
  } catch (cause) {
    throw explainRevert(cause);
  } finally {
    provider.destroy();
  }
}
