import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type ContractAddresses, contractNames } from "@cos/chain";
import { openEmbeddedLog } from "@cos/messaging";
import { openEmbeddedObjects } from "@cos/objects";
import { asAddress } from "@cos/protocol";
import { createLogger, openLogSink, readConfig, runService, type Settings } from "@cos/service-host";
import { openEmbeddedStore } from "@cos/store";
import { JsonRpcProvider, Wallet } from "ethers";
import { z } from "zod";
import { composeSettlement } from "./compose.ts";
import { settlementSettings } from "./config.ts";

/** What the process needs beside the service's own settings. */
const processSettings = {
  ...settlementSettings,
  dataDir: { schema: z.string().min(1), meaning: "folder of the embedded store, log and objects" },
  rpcUrl: { schema: z.url(), meaning: "the chain's JSON-RPC" },
  deploymentFile: { schema: z.string().min(1), meaning: "JSON file of the contracts' addresses by name" },
  settlerKeyFile: { schema: z.string().min(1), meaning: "file with the SETTLER key, 0x hex" },
  usageKeyFile: { schema: z.string().min(1), meaning: "file with the USAGE key, 0x hex" },
} as const satisfies Settings;

/**
 * The settlement service as a process of its own, on embedded parts. Its event log is its own too: to follow a mirror
 * in another process it needs a broker's adapter in place of `openEmbeddedLog`.
 */
await runService(async () => {
  const read = readConfig(processSettings, "COS_SETTLEMENT_", process.env);
  if (!read.ok) {
    throw new Error(
      read.error.faults.map(({ key, rule, meaning }) => `${key} (${meaning}): ${rule}`).join("\n"),
    );
  }
  const config = read.value;
  const now = () => Math.floor(Date.now() / 1000);
  const [addresses, settler, usage] = await Promise.all([
    readAddresses(config.deploymentFile),
    readKey(config.settlerKeyFile),
    readKey(config.usageKeyFile),
  ]);
  const store = await openEmbeddedStore({ dataDir: join(config.dataDir, "store") });
  const log = await openEmbeddedLog({ store });
  const objects = await openEmbeddedObjects({ dataDir: join(config.dataDir, "objects"), now });
  const provider = new JsonRpcProvider(config.rpcUrl, config.chainId, {
    staticNetwork: true,
    cacheTimeout: -1,
  });
  const settlement = composeSettlement(config, {
    db: store.schema("settlement"),
    log,
    objects: objects.store,
    chain: { provider, addresses },
    signers: { settler, usage },
    logger: createLogger("settlement", openLogSink()),
    now,
  });
  await settlement.start();
  return {
    stop: async () => {
      await settlement.stop();
      await log.close();
      await objects.close();
      await store.close();
      provider.destroy();
    },
  };
});

const readKey = async (file: string): Promise<Wallet> => new Wallet((await readFile(file, "utf8")).trim());

async function readAddresses(file: string): Promise<ContractAddresses> {
  const given = z.record(z.string(), z.string()).parse(JSON.parse(await readFile(file, "utf8")));
  const entries = contractNames.map((name) => [name, asAddress(given[name] ?? "")] as const);
  return Object.fromEntries(entries) as ContractAddresses;
}
