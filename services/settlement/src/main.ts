import { runServiceProcess } from "@cos/parts";
import type { Settings } from "@cos/service-host";
import { z } from "zod";
import { recordedBatches } from "./adapters/chain/recorded-batches.ts";
import { markRecorded } from "./adapters/store/after-restore.ts";
import { settlementMigrations } from "./adapters/store/migrations.ts";
import { composeSettlement } from "./compose.ts";
import { settlementSettings } from "./config.ts";

/** What the process needs beside the service's own settings. */
const processSettings = {
  ...settlementSettings,
  settlerKeyFile: { schema: z.string().min(1), meaning: "file with the SETTLER key, 0x hex" },
  usageKeyFile: { schema: z.string().min(1), meaning: "file with the USAGE key, 0x hex" },
} as const satisfies Settings;

/** The settlement service as a process of its own. */
await runServiceProcess({
  name: "settlement",
  migrations: settlementMigrations,
  restored: async (host, tx) => {
    const batches = recordedBatches(host.provider(), await host.addresses(), await host.objects());
    for await (const { batchId, uses } of batches) await markRecorded(tx, batchId, uses);
  },
  compose: async (host) => {
    const config = host.settings(processSettings, "COS_SETTLEMENT_");
    return composeSettlement(config, {
      db: await host.db(),
      log: await host.log(),
      objects: await host.objects(),
      chain: { provider: host.provider(), addresses: await host.addresses() },
      signers: {
        settler: await host.wallet(config.settlerKeyFile),
        usage: await host.wallet(config.usageKeyFile),
      },
      logger: host.logger(),
      now: host.now,
      serviceToken: await host.serviceToken(),
      telemetry: host.telemetry,
      wire: await host.wire(),
    });
  },
});
