import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { computeAddress } from "ethers";
import { DeploymentAuthority } from "./deployment-authority.ts";
import { keptAuthority, putCertificate, putFile } from "./kept-certificates.ts";
import { partsAuthorityFile } from "./part-certificates.ts";
import type { PreparedCluster } from "./prepare-cluster.ts";
import type { PrepareConfig } from "./prepare-settings.ts";

type Chain = { readonly chainId: number; readonly rpcUrl: string };

/** What each service is given of the operator's folder, under the same names, and nothing else. */
const given: Readonly<Record<string, readonly string[]>> = {
  access: ["deployment.json", "service-token", "database.url"],
  gateway: ["service-token", "database.url", "object-store.url", "cache.url"],
  orchestrator: ["service-token", "database.url", "object-store.url"],
  settlement: [
    "deployment.json",
    "service-token",
    "database.url",
    "object-store.url",
    "settler.key",
    "usage.key",
  ],
};

/**
 * Fills one folder per service and worker with what it may know: its keys and URLs, its certificate (`tls.crt`, `tls.key`,
 * `ca.crt`) and settings that only a prepared chain tells (`settings.env`); and `client/platform.json`, which holds no
 * secret. `operator/platform.json` is the same as it looks from inside the deployment. Certificates that have a third of
 * their time to go stay, so that platform files which people have fetched stay good.
 */
export async function handOut(
  config: PrepareConfig,
  chain: Chain,
  prepared: PreparedCluster,
  now = Date.now(),
): Promise<void> {
  const { keys } = prepared;
  const operator = join(config.folder, "operator");
  const partsAuthority = config.partTls ? [partsAuthorityFile] : [];
  const settings: Readonly<Record<string, string>> = {
    gateway: `COS_GATEWAY_GATEWAY_ADDRESS=${computeAddress(keys.gateway)}`,
    orchestrator: `COS_ORCHESTRATOR_OPERATOR=${computeAddress(keys.settler)}`,
  };
  for (const [service, names] of Object.entries(given)) {
    const folder = join(config.folder, service);
    await mkdir(folder, { recursive: true, mode: 0o750 });
    for (const name of [...names, ...partsAuthority])
      await copyFile(join(operator, name), join(folder, name));
    await putFile(folder, "settings.env", `${settings[service] ?? ""}\n`);
  }
  for (const i of config.workerRegions.keys()) {
    const folder = join(config.folder, `worker-${i + 1}`);
    await mkdir(folder, { recursive: true, mode: 0o750 });
    await copyFile(join(operator, `worker-${i + 1}.key`), join(folder, "worker.key"));
    for (const name of ["service-token", ...partsAuthority])
      await copyFile(join(operator, name), join(folder, name));
  }
  await writePlatformFiles(config, chain, prepared, await certify(config, now));
}

/** Gives everybody a certificate, unless those from before are good. @returns the authority, PEM */
async function certify(
  { folder, workerRegions, certificateDays }: PrepareConfig,
  now: number,
): Promise<string> {
  const holders = new Map([
    ...[...Object.keys(given), "operator"].map((name) => [join(folder, name), name] as const),
    ...workerRegions.map((_, i) => [join(folder, `worker-${i + 1}`), "fhe-worker"] as const),
  ]);
  const names = new Map([...holders].map(([folder, service]) => [folder, `URI:spiffe://cos/${service}`]));
  const kept = await keptAuthority(names, (certificateDays * dayMs) / 3, now);
  if (kept !== undefined) return kept;
  const authority = await DeploymentAuthority.create(certificateDays, now);
  for (const [holder, service] of holders) {
    await putCertificate(holder, authority.pem, await authority.certify(service));
  }
  return authority.pem;
}

const dayMs = 86_400_000;

async function writePlatformFiles(
  config: PrepareConfig,
  { chainId, rpcUrl }: Chain,
  { keys, chain }: PreparedCluster,
  ca: string,
): Promise<void> {
  const { publicGateway, publicAccess, publicSettlement, publicOrchestrator, publicWorkers } = config;
  const { addresses, programs } = chain;
  const described = (rpc: string) => ({
    format: "cos-platform/1",
    name: config.name,
    chain: {
      chainId,
      rpcUrl: rpc,
      contracts: addresses,
      feeTokens: [{ address: addresses.CreditToken, symbol: "COSC", decimals: 18 }],
    },
    services: {
      gateway: publicGateway,
      access: publicAccess,
      settlement: publicSettlement,
      orchestrator: publicOrchestrator,
      workers: publicWorkers,
    },
    tls: { ca },
    operator: computeAddress(keys.settler),
    gatewayAddress: computeAddress(keys.gateway),
    region: config.region,
    programs,
  });
  const text = (rpc: string) => `${JSON.stringify(described(rpc), null, 2)}\n`;
  const client = join(config.folder, "client");
  await mkdir(client, { recursive: true, mode: 0o755 });
  await putFile(client, "platform.json", text(config.publicRpcUrl), 0o644);
  await putFile(join(config.folder, "operator"), "platform.json", text(rpcUrl));
}
