import type { MetricDefinition } from "./metric-definition.ts";
import { accessMetrics } from "./metrics/access.ts";
import { everyServiceMetrics } from "./metrics/every-service.ts";
import { fheWorkerMetrics } from "./metrics/fhe-worker.ts";
import { gatewayMetrics } from "./metrics/gateway.ts";
import { orchestratorMetrics } from "./metrics/orchestrator.ts";
import { settlementMetrics } from "./metrics/settlement.ts";

/**
 * Every metric that COS exports, and nothing else is exported under `cos_`: dashboards and alert rules are checked
 * against this list. Every series also carries `cos_service`, the service that says it. No label is ever an identifier,
 * an address, a person, or a key.
 */
export const metrics = {
  ...everyServiceMetrics,
  ...accessMetrics,
  ...gatewayMetrics,
  ...orchestratorMetrics,
  ...fheWorkerMetrics,
  ...settlementMetrics,
} as const satisfies Record<string, MetricDefinition>;

export type MetricKey = keyof typeof metrics;

/** The labels that a metric takes. */
export type LabelsOf<K extends MetricKey> = { readonly [L in (typeof metrics)[K]["labels"][number]]: string };

type KeysOf<T extends MetricDefinition["type"]> = {
  [K in MetricKey]: (typeof metrics)[K]["type"] extends T ? K : never;
}[MetricKey];
export type CounterKey = KeysOf<"counter">;
export type GaugeKey = KeysOf<"gauge">;
export type HistogramKey = KeysOf<"histogram">;
