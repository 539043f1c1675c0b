import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ServiceProcess } from "@cos/parts";
import { type OperatorKeys, operatorKeys, type PreparedChain, prepareChain } from "@cos/standalone";
import { computeAddress } from "ethers";

export type ClusterPlan = {
  /** Keeps keys (0600) and what clients and services must know. */
  readonly folder: string;
  /** Region of gateway and operator; empty for none. */
  readonly region: string;
  /** One per worker: the region that it is attested for. */
  readonly workerRegions: readonly string[];
};

export type PreparedCluster = { readonly keys: OperatorKeys; readonly chain: PreparedChain };

/**
 * Brings chain and object store to the state that services need, and writes one file per secret, as a deployment mounts
 * them: `settler.key`, `usage.key`, `worker-1.key`, ..., `service-token`; and `deployment.json` for services. Repeating
 * it changes nothing.
 */
export async function prepareCluster(plan: ClusterPlan, host: ServiceProcess): Promise<PreparedCluster> {
  const { folder, region, workerRegions } = plan;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const keys = await operatorKeys(folder, workerRegions.length);
  const chain = await prepareChain({
    dataDir: folder,
    provider: await host.provider(),
    keys,
    region,
    workerRegions,
    objects: await host.objects({ createBucket: true }),
  });
  const secrets: Record<string, string> = {
    "settler.key": keys.settler,
    "usage.key": keys.usage,
    "service-token": keys.serviceToken,
  };
  keys.workers.forEach((key, i) => {
    secrets[`worker-${i + 1}.key`] = key;
  });
  for (const [name, value] of Object.entries(secrets)) {
    await writeFile(join(folder, name), `${value}\n`, { mode: 0o600 });
  }
  await writeFile(
    join(folder, "addresses.json"),
    `${JSON.stringify({ gateway: computeAddress(keys.gateway), operator: computeAddress(keys.settler) }, null, 2)}\n`,
  );
  return { keys, chain };
}
