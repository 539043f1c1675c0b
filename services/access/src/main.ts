import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type ContractAddresses, contractNames } from "@cos/chain";
import { openEmbeddedLog } from "@cos/messaging";
import { asAddress } from "@cos/protocol";
import { createLogger, openLogSink, readConfig, runService, type Settings } from "@cos/service-host";
import { openEmbeddedStore } from "@cos/store";
import { JsonRpcProvider } from "ethers";
import { z } from "zod";
import { composeAccess } from "./compose.ts";
import { accessSettings } from "./config.ts";

/** What the process needs beside the service's own settings. */
const processSettings = {
  ...accessSettings,
  dataDir: { schema: z.string().min(1), meaning: "folder of the embedded store and log" },
  rpcUrl: { schema: z.url(), meaning: "the chain's JSON-RPC" },
  chainId: { schema: z.coerce.bigint().min(1n), meaning: "EIP-155 chain id that the node must have" },
  deploymentFile: { schema: z.string().min(1), meaning: "JSON file of the contracts' addresses by name" },
  serviceTokenFile: { schema: z.string().min(1), meaning: "file with the deployment's service token" },
} as const satisfies Settings;

/**
 * The access service as a process of its own, on embedded parts. Its event log is its own too: to be followed by other
 * processes it needs a broker's adapter in place of `openEmbeddedLog`.
 */
await runService(async () => {
  const read = readConfig(processSettings, "COS_ACCESS_", process.env);
  if (!read.ok) {
    throw new Error(
      read.error.faults.map(({ key, rule, meaning }) => `${key} (${meaning}): ${rule}`).join("\n"),
    );
  }
  const config = read.value;
  const serviceToken = (await readFile(config.serviceTokenFile, "utf8")).trim();
  const addresses = await readAddresses(config.deploymentFile);
  const store = await openEmbeddedStore({ dataDir: join(config.dataDir, "store") });
  const log = await openEmbeddedLog({ store });
  const provider = new JsonRpcProvider(config.rpcUrl, config.chainId, {
    staticNetwork: true,
    cacheTimeout: -1,
  });
  const access = composeAccess(config, {
    db: store.schema("access"),
    log,
    chain: { provider, addresses },
    logger: createLogger("access", openLogSink()),
    now: () => Math.floor(Date.now() / 1000),
    serviceToken,
  });
  await access.start();
  return {
    stop: async () => {
      await access.stop();
      await log.close();
      await store.close();
      provider.destroy();
    },
  };
});

async function readAddresses(file: string): Promise<ContractAddresses> {
  const given = z.record(z.string(), z.string()).parse(JSON.parse(await readFile(file, "utf8")));
  const entries = contractNames.map((name) => [name, asAddress(given[name] ?? "")] as const);
  return Object.fromEntries(entries) as ContractAddresses;
}
