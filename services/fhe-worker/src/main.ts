import { runServiceProcess } from "@cos/parts";
import type { Settings } from "@cos/service-host";
import { z } from "zod";
import { composeFheWorker } from "./compose.ts";
import { workerSettings } from "./config.ts";

/** What the process needs beside the worker's own settings. */
const processSettings = {
  ...workerSettings,
  workerKeyFile: { schema: z.string().min(1), meaning: "file with the worker's secp256k1 key, 0x hex" },
} as const satisfies Settings;

/** A worker as a process of its own. It holds no database, no bucket and no key but its own. */
await runServiceProcess({
  name: "fhe-worker",
  compose: async (host) => {
    const config = host.settings(processSettings, "COS_WORKER_");
    return composeFheWorker(config, {
      log: await host.log(),
      key: await host.wallet(config.workerKeyFile),
      logger: host.logger(),
      serviceToken: await host.serviceToken(),
      telemetry: host.telemetry,
      objectsTls: await host.certificates("objectStore"),
      wire: await host.wire(),
    });
  },
});
