import { isIP } from "node:net";
import type { ConnectionOptions as ConnectTlsOptions } from "node:tls";
import { clientTlsOptions, type TlsMaterial } from "@cos/tls";
import type { BaseOptions, ConnectionOptions, ConnectionPool } from "@platformatic/kafka";
import type { KafkaOptions } from "./kafka-options.ts";

/** How a connection to a broker is made. */
export function connectionOptions({ brokers, tls, sasl }: KafkaOptions): ConnectionOptions {
  const named = brokers.every((broker) => !isIP(broker.replace(/:\d+$/, "")));
  return {
    connectTimeout: 3_000,
    requestTimeout: 15_000,
    ...(tls ? { tls: tlsOptions(tls), tlsServerName: named } : {}),
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

/**
 * Keeps a process alive through errors of connections. The pool listens for a connection's first error only; a second, as
 * of a socket that breaks after a refused sign-in, would be nobody's and end the process. Requests fail on their own.
 */
export function bearErrors(connections: ConnectionPool): void {
  connections.on("connecting", ({ connection }) => void connection.on("error", () => {}));
}

/** The client copies the properties at each connection, so they must ask the material each time. */
const tlsOptions = (material: TlsMaterial): ConnectTlsOptions =>
  clientTlsOptions(material) as ConnectTlsOptions;

const mechanisms = {
  plain: "PLAIN",
  "scram-sha-256": "SCRAM-SHA-256",
  "scram-sha-512": "SCRAM-SHA-512",
} as const;
