import type { BaseOptions, ConnectionOptions } from "@platformatic/kafka";
import type { KafkaOptions } from "./kafka-options.ts";

/** How a connection to a broker is made. */
export function connectionOptions({ tls, sasl }: KafkaOptions): ConnectionOptions {
  return {
    connectTimeout: 3_000,
    requestTimeout: 15_000,
    ...(tls ? { tls, tlsServerName: true } : {}),
    ...(sasl ? { sasl: { ...sasl, mechanism: mechanisms[sasl.mechanism] } } : {}),
  };
}

/** What every client of the cluster is made with. Retries are short: what lies above tries again, with a view of the whole. */
export function clientOptions(options: KafkaOptions): BaseOptions {
  return {
    ...connectionOptions(options),
    bootstrapBrokers: [...options.brokers],
    clientId: options.clientId,
    timeout: 10_000,
    retries: 4,
    retryDelay: 250,
    metadataMaxAge: 60_000,
    autocreateTopics: false,
  };
}

const mechanisms = {
  plain: "PLAIN",
  "scram-sha-256": "SCRAM-SHA-256",
  "scram-sha-512": "SCRAM-SHA-512",
} as const;
