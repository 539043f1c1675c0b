import { connect as connectTls } from "node:tls";
import { Kafka, logLevel, type SASLOptions } from "kafkajs";
import RequestQueue from "kafkajs/src/network/requestQueue/index.js";
import type { KafkaOptions } from "./kafka-options.ts";

/**
 * kafkajs 2.2.4 arms a timer for "no throttling in force" at a negative delay, which runs every millisecond for as long
 * as a connection lives. A timer is needed only when something waits to be sent.
 */
const { scheduleCheckPendingRequests } = RequestQueue.prototype;
RequestQueue.prototype.scheduleCheckPendingRequests = function (this: { pending: unknown[] }): void {
  if (this.pending.length > 0) scheduleCheckPendingRequests.call(this);
};

/** A client of the cluster that says nothing on its own. */
export function kafkajsClient(options: KafkaOptions): Kafka {
  const { brokers, clientId, tls, sasl, connect } = options;
  return new Kafka({
    brokers: [...brokers],
    clientId,
    logLevel: logLevel.NOTHING,
    connectionTimeout: 3_000,
    requestTimeout: 15_000,
    // Short and few: what lies above tries again, with a view of the whole.
    retry: { initialRetryTime: 100, maxRetryTime: 2_000, retries: 8, restartOnFailure: async () => false },
    ...(tls ? { ssl: tls } : {}),
    ...(sasl ? { sasl: sasl as SASLOptions } : {}),
    ...(connect
      ? {
          socketFactory: ({ host, port, ssl, onConnect }) => {
            const socket = connect({ host, port });
            if (!tls) return socket.once("connect", onConnect);
            return connectTls({ ...ssl, socket, servername: host }, onConnect);
          },
        }
      : {}),
  });
}
