import { runServiceProcess } from "@cos/parts";
import { endOpenPromises } from "./adapters/store/after-restore.ts";
import { gatewayMigrations } from "./adapters/store/migrations.ts";
import type { GatewayEvent } from "./app/dependencies.ts";
import { composeGateway } from "./compose.ts";
import { gatewaySettings } from "./config.ts";

/** The gateway as a process of its own. */
await runServiceProcess({
  name: "gateway",
  migrations: gatewayMigrations,
  restored: async (host, tx) =>
    endOpenPromises(tx, await (await host.provider()).getBlockNumber(), host.now()),
  compose: async (host) => {
    const logger = host.logger<GatewayEvent>();
    return composeGateway(host.settings(gatewaySettings, "COS_GATEWAY_"), {
      db: await host.db(),
      log: await host.log(),
      objects: await host.objects(),
      cache: await host.cache((state) => {
        if (state === "lost") host.telemetry.metrics.count("cacheFailures", {});
        logger.warn(`cache.${state}`);
      }),
      chain: { provider: await host.provider() },
      logger,
      now: host.now,
      serviceToken: await host.serviceToken(),
      telemetry: host.telemetry,
      wire: await host.wire(),
    });
  },
});
