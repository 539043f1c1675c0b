import { runServiceProcess } from "@cos/parts";
import type { Settings } from "@cos/service-host";
import { z } from "zod";
import { recordedBatches } from "./adapters/chain/recorded-batches.ts";
import { markRecorded } from "./adapters/store/after-restore.ts";
import { settlementMigrations } from "./adapters/store/migrations.ts";
import { composeSettlement } from "./compose.ts";
import { settlementSettings } from "./config.ts";

const optional = z.string().min(1).optional();

/** What the process needs beside the service's own settings. */
const processSettings = {
  ...settlementSettings,
  settlerKeyFile: { schema: optional, meaning: "file with the SETTLER key, 0x hex" },
  usageKeyFile: { schema: optional, meaning: "file with the USAGE key, 0x hex" },
  signerUrl: {
    schema: z.url({ protocol: /^https?$/ }).optional(),
    meaning: "root of a signer that holds keys instead, https or on this machine",
  },
  signerCaFile: {
    schema: optional,
    meaning:
      "PEM file of the authorities that certify the signer, and no others; public ones when left out; read again when it " +
      "changes",
  },
  signerTokenFile: { schema: optional, meaning: "file with what the signer is shown as a bearer token" },
  settlerKeyId: { schema: optional, meaning: "the signer's name of the SETTLER key" },
  usageKeyId: { schema: optional, meaning: "the signer's name of the USAGE key" },
} as const satisfies Settings;

/** The settlement service as a process of its own. */
await runServiceProcess({
  name: "settlement",
  migrations: settlementMigrations,
  restored: async (host, tx) => {
    const batches = recordedBatches(await host.provider(), await host.addresses(), await host.objects());
    for await (const { batchId, uses } of batches) await markRecorded(tx, batchId, uses);
  },
  compose: async (host) => {
    const config = host.settings(processSettings, "COS_SETTLEMENT_");
    const { signerUrl: url, signerTokenFile: tokenFile, signerCaFile: caFile } = config;
    const signer = { url, tokenFile, caFile };
    return composeSettlement(config, {
      db: await host.db(),
      log: await host.log(),
      objects: await host.objects(),
      chain: { provider: await host.provider(), addresses: await host.addresses() },
      signers: {
        settler: await host.signer("COS_SETTLEMENT_SETTLER", "COS_SETTLEMENT_SIGNER", {
          ...signer,
          keyFile: config.settlerKeyFile,
          keyId: config.settlerKeyId,
        }),
        usage: await host.signer("COS_SETTLEMENT_USAGE", "COS_SETTLEMENT_SIGNER", {
          ...signer,
          keyFile: config.usageKeyFile,
          keyId: config.usageKeyId,
        }),
      },
      logger: host.logger(),
      now: host.now,
      serviceToken: await host.serviceToken(),
      telemetry: host.telemetry,
      wire: await host.wire(),
    });
  },
});
