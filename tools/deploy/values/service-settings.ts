import { z } from "zod";
import type { Settings } from "../../../packages/service-host/src/index.ts";
import { accessSettings } from "../../../services/access/src/config.ts";
import { workerSettings } from "../../../services/fhe-worker/src/config.ts";
import { gatewaySettings } from "../../../services/gateway/src/config.ts";
import { orchestratorSettings } from "../../../services/orchestrator/src/config.ts";
import { settlementSettings } from "../../../services/settlement/src/config.ts";
import type { Json } from "./build.ts";

/** What the chart sets itself: a value of its own says it, or nobody should. */
const chartOwned = new Set([
  "host",
  "grpcPort",
  "healthPort",
  "metricsPort",
  "httpPort",
  "chainId",
  "accessAddress",
  "orchestratorAddress",
  "operator",
  "publicUrl",
  "gatewayAddress",
  "signingKeyFile",
  "oidcProvidersFile",
  "regions",
  "threads",
  "taskPartitions",
  "drainSeconds",
  "taskPartitions",
]);
/** Files and keys of TLS are mounted, never set. */
const isFile = (key: string) => /(File|Folder)$/.test(key);

/** Settings of each service as its own code declares them, with the prefix of their environment. */
export const services = {
  access: { prefix: "COS_ACCESS_", settings: accessSettings },
  orchestrator: { prefix: "COS_ORCHESTRATOR_", settings: orchestratorSettings },
  gateway: { prefix: "COS_GATEWAY_", settings: gatewaySettings },
  settlement: { prefix: "COS_SETTLEMENT_", settings: settlementSettings },
  "fhe-worker": { prefix: "COS_WORKER_", settings: workerSettings },
} as const satisfies Record<string, { prefix: string; settings: Settings }>;

export type ServiceName = keyof typeof services;

/** The `settings` of a service in values: every setting that the chart leaves to operators, as the code bounds it. */
export function settingsSchema(service: ServiceName): Json {
  const settings: Settings = services[service].settings;
  const free = Object.entries(settings).filter(([key]) => !chartOwned.has(key) && !isFile(key));
  const properties = free.map(([key, { schema, meaning, unit }]) => [
    key,
    { ...boundsOf(schema), description: unit === undefined ? meaning : `${meaning} [${unit}]` },
  ]);
  return { type: "object", additionalProperties: false, properties: Object.fromEntries(properties) };
}

const anyScalar = { type: ["string", "number", "boolean"] };

/** What JSON can say of a setting; the rest is refused by the service when it starts. */
function boundsOf(schema: z.ZodType): Json {
  const told = z.toJSONSchema(schema, { io: "output", unrepresentable: "any" }) as Record<string, unknown>;
  const { $schema: _, default: __, ...bounds } = told;
  if (bounds.type === undefined) return anyScalar;
  // 2^53 - 1 is what zod says of any whole number; values reach the chart as such, and larger ones as text.
  if (bounds.type === "integer" && Number(bounds.maximum ?? 0) >= Number.MAX_SAFE_INTEGER)
    delete bounds.maximum;
  return bounds;
}
