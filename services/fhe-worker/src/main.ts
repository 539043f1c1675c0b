import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { openEmbeddedLog } from "@cos/messaging";
import { createLogger, openLogSink, readConfig, runService, type Settings } from "@cos/service-host";
import { openEmbeddedStore } from "@cos/store";
import { Wallet } from "ethers";
import { z } from "zod";
import { composeFheWorker } from "./compose.ts";
import { workerSettings } from "./config.ts";

/** What the process needs beside the worker's own settings. */
const processSettings = {
  ...workerSettings,
  dataDir: { schema: z.string().min(1), meaning: "folder of the embedded event log" },
} as const satisfies Settings;

/**
 * A worker as a process of its own, on an embedded event log of its own: to take tasks that an orchestrator in another
 * process publishes it needs a broker's adapter in place of `openEmbeddedLog`.
 */
await runService(async () => {
  const read = readConfig(processSettings, "COS_WORKER_", process.env);
  if (!read.ok) {
    throw new Error(
      read.error.faults.map(({ key, rule, meaning }) => `${key} (${meaning}): ${rule}`).join("\n"),
    );
  }
  const config = read.value;
  const store = await openEmbeddedStore({ dataDir: join(config.dataDir, "store") });
  const log = await openEmbeddedLog({ store });
  const worker = composeFheWorker(config, {
    log,
    key: new Wallet((await readFile(config.workerKeyFile, "utf8")).trim()),
    logger: createLogger("fhe-worker", openLogSink()),
    serviceToken: (await readFile(config.serviceTokenFile, "utf8")).trim(),
  });
  await worker.start();
  return {
    stop: async () => {
      await worker.stop();
      await log.close();
      await store.close();
    },
  };
});
