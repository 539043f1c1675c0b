import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { openEmbeddedLog } from "@cos/messaging";
import { openEmbeddedObjects } from "@cos/objects";
import { createLogger, openLogSink, readConfig, runService, type Settings } from "@cos/service-host";
import { openEmbeddedStore } from "@cos/store";
import { JsonRpcProvider } from "ethers";
import { z } from "zod";
import { composeGateway } from "./compose.ts";
import { gatewaySettings } from "./config.ts";

/** What the process needs beside the gateway's own settings. */
const processSettings = {
  ...gatewaySettings,
  dataDir: { schema: z.string().min(1), meaning: "folder of the embedded store, log and objects" },
  rpcUrl: { schema: z.url(), meaning: "the chain's JSON-RPC" },
  serviceTokenFile: { schema: z.string().min(1), meaning: "file with the deployment's service token" },
} as const satisfies Settings;

/**
 * The gateway as a process of its own, on embedded parts. Its event log is its own too: to follow a mirror in another
 * process it needs a broker's adapter in place of `openEmbeddedLog`.
 */
await runService(async () => {
  const read = readConfig(processSettings, "COS_GATEWAY_", process.env);
  if (!read.ok) {
    throw new Error(
      read.error.faults.map(({ key, rule, meaning }) => `${key} (${meaning}): ${rule}`).join("\n"),
    );
  }
  const config = read.value;
  const now = () => Math.floor(Date.now() / 1000);
  const serviceToken = (await readFile(config.serviceTokenFile, "utf8")).trim();
  const store = await openEmbeddedStore({ dataDir: join(config.dataDir, "store") });
  const log = await openEmbeddedLog({ store });
  const objects = await openEmbeddedObjects({ dataDir: join(config.dataDir, "objects"), now });
  const provider = new JsonRpcProvider(config.rpcUrl, config.chainId, { staticNetwork: true });
  const gateway = composeGateway(config, {
    db: store.schema("gateway"),
    log,
    objects: objects.store,
    chain: { provider },
    logger: createLogger("gateway", openLogSink()),
    now,
    serviceToken,
  });
  await gateway.start();
  return {
    stop: async () => {
      await gateway.stop();
      await log.close();
      await objects.close();
      await store.close();
      provider.destroy();
    },
  };
});
