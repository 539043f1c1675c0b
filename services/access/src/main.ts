import { runServiceProcess } from "@cos/parts";
import { accessMigrations } from "./adapters/store/migrations.ts";
import { composeAccess } from "./compose.ts";
import { accessSettings } from "./config.ts";

/** The access service as a process of its own. */
await runServiceProcess({
  name: "access",
  migrations: accessMigrations,
  compose: async (host) =>
    composeAccess(host.settings(accessSettings, "COS_ACCESS_"), {
      db: await host.db(),
      log: await host.log(),
      chain: {
        provider: await host.provider(),
        witness: await host.secondProvider(),
        addresses: await host.addresses(),
      },
      logger: host.logger(),
      now: host.now,
      serviceToken: await host.serviceToken(),
      telemetry: host.telemetry,
      wire: await host.wire(),
    }),
});
