import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { openEmbeddedLog } from "@cos/messaging";
import { openEmbeddedObjects } from "@cos/objects";
import { createLogger, openLogSink, readConfig, runService, type Settings } from "@cos/service-host";
import { openEmbeddedStore } from "@cos/store";
import { z } from "zod";
import { composeOrchestrator } from "./compose.ts";
import { orchestratorSettings } from "./config.ts";

/** What the process needs beside the orchestrator's own settings. */
const processSettings = {
  ...orchestratorSettings,
  dataDir: { schema: z.string().min(1), meaning: "folder of the embedded store, log and objects" },
  serviceTokenFile: { schema: z.string().min(1), meaning: "file with the deployment's service token" },
} as const satisfies Settings;

/**
 * The orchestrator as a process of its own, on embedded parts. Its event log is its own too: to follow a mirror in
 * another process it needs a broker's adapter in place of `openEmbeddedLog`.
 */
await runService(async () => {
  const read = readConfig(processSettings, "COS_ORCHESTRATOR_", process.env);
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
  const orchestrator = composeOrchestrator(config, {
    db: store.schema("orchestrator"),
    log,
    objects: objects.store,
    logger: createLogger("orchestrator", openLogSink()),
    now,
    serviceToken,
  });
  await orchestrator.start();
  return {
    stop: async () => {
      await orchestrator.stop();
      await log.close();
      await objects.close();
      await store.close();
    },
  };
});
