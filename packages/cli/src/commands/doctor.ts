import { constants } from "node:fs";
import { access, statfs } from "node:fs/promises";
import { platform as osPlatform } from "node:os";
import { dirname } from "node:path";
import {
  type CosClient,
  CosFailure,
  checkHealth,
  identityOf,
  listAccounts,
  type Platform,
} from "@cos/client";
import { publicTlsWire } from "@cos/service-host/wire";
import type { Command } from "commander";
import { formatEther } from "ethers";
import type { Act } from "../act.ts";
import type { Context } from "../context.ts";
import { readRunFile } from "../daemon.ts";
import { exitCodes } from "../exit-codes.ts";
import type { CommandResult } from "../output.ts";

type Level = "ok" | "warn" | "bad";
type Check = { readonly name: string; readonly level: Level; readonly says: string };

/** Free space below which a warning is due: a small cohort's ciphertexts. */
const lowDiskBytes = 2 * 2 ** 30;

/** `cos doctor`: what there is, and what is wrong with it. */
export function addDoctorCommand(program: Command, act: Act): void {
  program
    .command("doctor")
    .description("ports, paths, disk, outbound hosts and proxy; health of services, chain and mirror")
    .action(act(doctor));
}

async function doctor(context: Context): Promise<CommandResult> {
  const checks: Check[] = [
    { name: "node", level: "ok", says: `${process.version} on ${osPlatform()}-${process.arch}` },
    await checkHome(context),
    await checkDisk(context),
    ...proxyChecks(context),
    ...(await platformChecks(context)),
  ];
  const bad = checks.filter((check) => check.level === "bad");
  if (bad.length > 0) context.out.note(`${bad.length} of ${checks.length} checks failed`);
  const marks: Record<Level, string> = { ok: "ok  ", warn: "warn", bad: "BAD " };
  return {
    code: bad.length === 0 ? exitCodes.ok : exitCodes.unavailable,
    data: { healthy: bad.length === 0, checks },
    text: checks.map(({ name, level, says }) => `${marks[level]} ${name.padEnd(22)} ${says}`),
  };
}

async function checkHome(context: Context): Promise<Check> {
  const { dir } = context.home;
  const accounts = await listAccounts(context.home);
  const writable = await access(dir, constants.W_OK).then(
    () => true,
    () => false,
  );
  const says = `${dir}, ${accounts.length} account(s)${writable ? "" : ", not writable or not there yet"}`;
  return { name: "home", level: writable ? "ok" : "warn", says };
}

async function checkDisk(context: Context): Promise<Check> {
  const where = await statfs(context.home.dir).catch(() =>
    statfs(dirname(context.home.dir)).catch(() => statfs("/")),
  );
  const free = where.bavail * where.bsize;
  const says = `${(free / 2 ** 30).toFixed(1)} GiB free`;
  return { name: "disk", level: free < lowDiskBytes ? "warn" : "ok", says };
}

const proxyNames = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "GRPC_PROXY"];

/** Names of proxy settings only: a proxy's address may hold a password. */
function proxyChecks({ io }: Context): Check[] {
  const set = proxyNames.filter((name) => io.env[name] ?? io.env[name.toLowerCase()]);
  const says =
    set.length === 0 ? "none set" : `${set.join(", ")} set; COS itself calls loopback only by default`;
  return [{ name: "proxy", level: "ok", says }];
}

async function platformChecks(context: Context): Promise<Check[]> {
  let platform: Platform;
  try {
    platform = await context.platform();
  } catch (cause) {
    if (!(cause instanceof CosFailure)) throw cause;
    return [{ name: "platform file", level: "bad", says: `${cause.message}; ${cause.hint ?? ""}` }];
  }
  const run = await readRunFile(context.home.platformData);
  const daemon: Check = {
    name: "daemon",
    level: "ok",
    says:
      run === undefined
        ? "none of this home runs in the background"
        : `pid ${run.pid}, log ${context.home.platformData}/logs/platform.log`,
  };
  const file: Check = { name: "platform file", level: "ok", says: context.platformFile };
  const client = await context.client();
  return [
    file,
    daemon,
    outbound(platform),
    ...(await serviceChecks(platform)),
    ...(await chainChecks(context, client, platform)),
  ];
}

/** Every host that clients of this platform call. */
function outbound({ services, chain }: Platform): Check {
  const hosts = [
    services.gateway,
    services.access,
    services.settlement,
    services.orchestrator ?? "",
    ...services.workers,
    new URL(chain.rpcUrl).host,
  ].map((endpoint) => endpoint.replace(/:\d+$/, ""));
  const outside = [...new Set(hosts)].filter(
    (host) => host !== "" && !/^(127\.|localhost$|\[?::1)/.test(host),
  );
  return {
    name: "outbound hosts",
    level: "ok",
    says: outside.length === 0 ? "none: everything is on this machine" : outside.join(", "),
  };
}

async function serviceChecks({ services, tls }: Platform): Promise<Check[]> {
  const wire = tls && publicTlsWire(tls.ca);
  const named: [string, string][] = [
    ["gateway", services.gateway],
    ["access", services.access],
    ["settlement", services.settlement],
    ...(services.orchestrator === undefined
      ? []
      : [["orchestrator", services.orchestrator] as [string, string]]),
    ...services.workers.map((worker, i): [string, string] => [`worker ${i + 1}`, worker]),
  ];
  return Promise.all(
    named.map(async ([name, address]): Promise<Check> => {
      const health = await checkHealth(address, undefined, wire);
      return { name, level: health === "SERVING" ? "ok" : "bad", says: `${address} ${health.toLowerCase()}` };
    }),
  );
}

async function chainChecks(context: Context, client: CosClient, platform: Platform): Promise<Check[]> {
  try {
    const [head, chainId] = await Promise.all([
      client.chain.provider.getBlockNumber(),
      client.chain.provider.send("eth_chainId", []) as Promise<string>,
    ]);
    const right = Number(chainId) === platform.chain.chainId;
    const chain: Check = {
      name: "chain",
      level: right ? "ok" : "bad",
      says: `${platform.chain.rpcUrl}, id ${Number(chainId)}, block ${head}`,
    };
    return [
      chain,
      await contractCheck(client, platform),
      await mirrorCheck(client),
      await signerCheck(client, platform),
      await programCheck(client, platform),
      ...(await accountChecks(context, client)),
    ];
  } catch {
    return [{ name: "chain", level: "bad", says: `${platform.chain.rpcUrl} does not answer` }];
  }
}

async function contractCheck(client: CosClient, { chain }: Platform): Promise<Check> {
  const entries = Object.entries(chain.contracts);
  const codes = await Promise.all(entries.map(([, address]) => client.chain.provider.getCode(address)));
  const missing = entries.filter((_, i) => codes[i] === "0x").map(([name]) => name);
  return missing.length === 0
    ? { name: "contracts", level: "ok", says: `${entries.length} with code` }
    : { name: "contracts", level: "bad", says: `no code at ${missing.join(", ")}` };
}

async function mirrorCheck(client: CosClient): Promise<Check> {
  try {
    const status = await client.services.access.getMirrorStatus({});
    const behind = Number(status.headNumber) - Number(status.confirmedNumber);
    const says = `${status.state}, ${behind} blocks behind the head, final to ${status.finalizedNumber}`;
    return { name: "mirror", level: status.state === "halted" ? "bad" : "ok", says };
  } catch {
    return { name: "mirror", level: "bad", says: "the access service does not answer" };
  }
}

async function signerCheck(client: CosClient, { operator }: Platform): Promise<Check> {
  const [balance, block] = await Promise.all([
    client.chain.provider.getBalance(operator),
    client.chain.provider.getBlock("latest"),
  ]);
  const free = block?.baseFeePerGas === 0n;
  const says = `${operator} holds ${formatEther(balance)}${free ? "; gas is free here" : ""}`;
  return { name: "operator's signer", level: free || balance > 0n ? "ok" : "warn", says };
}

async function programCheck(client: CosClient, { programs }: Platform): Promise<Check> {
  const entries = Object.entries(programs);
  const states = await Promise.all(
    entries.map(([, id]) => client.chain.read<bigint>("AlgorithmRegistry", "stateOf", [id])),
  );
  const says = entries.map(([name], i) => `${name}${states[i] === 2n ? "" : " (not approved)"}`).join(", ");
  return { name: "programs", level: states.every((state) => state === 2n) ? "ok" : "warn", says };
}

async function accountChecks(context: Context, client: CosClient): Promise<Check[]> {
  const accounts = await listAccounts(context.home);
  return Promise.all(
    accounts.map(async ({ name, address }): Promise<Check> => {
      const sbtId = await identityOf(client, address);
      return {
        name: `account ${name}`,
        level: sbtId === undefined ? "warn" : "ok",
        says:
          sbtId === undefined
            ? `${address} has no identity: cos keys identity`
            : `${address}, identity ${sbtId}`,
      };
    }),
  );
}
