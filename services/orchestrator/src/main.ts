import { runServiceProcess } from "@cos/parts";
import { raiseFences, takeWorkBack } from "./adapters/postgres/after-restore.ts";
import { migrations } from "./adapters/postgres/migrations.ts";
import { composeOrchestrator } from "./compose.ts";
import { orchestratorSettings } from "./config.ts";

/** The orchestrator as a process of its own. */
await runServiceProcess({
  name: "orchestrator",
  migrations,
  restored: async (_, tx) => {
    await raiseFences(tx, Date.now());
    await takeWorkBack(tx);
  },
  compose: async (host) =>
    composeOrchestrator(host.settings(orchestratorSettings, "COS_ORCHESTRATOR_"), {
      db: await host.db(),
      log: await host.log(),
      objects: await host.objects(),
      logger: host.logger(),
      now: host.now,
      serviceToken: await host.serviceToken(),
      telemetry: host.telemetry,
      wire: await host.wire(),
    }),
});
