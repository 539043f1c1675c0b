import type { BaseOptions } from "@platformatic/kafka";
import type { KafkaOptions } from "./kafka-options.ts";

/** What every client of the cluster is made with. Retries are short: what lies above tries again, with a view of the whole. */
export function clientOptions({ brokers, clientId, tls, sasl }: KafkaOptions): BaseOptions {
  return {
    bootstrapBrokers: [...brokers],
    clientId,
    connectTimeout: 3_000,
    requestTimeout: 15_000,
    timeout: 10_000,
    retries: 4,
    retryDelay: 250,
    metadataMaxAge: 60_000,
    autocreateTopics: false,
    ...(tls ? { tls, tlsServerName: true } : {}),
    ...(sasl ? { sasl: { ...sasl, mechanism: mechanisms[sasl.mechanism] } } : {}),
  };
}

const mechanisms = {
  plain: "PLAIN",
  "scram-sha-256": "SCRAM-SHA-256",
  "scram-sha-512": "SCRAM-SHA-512",
} as const;
