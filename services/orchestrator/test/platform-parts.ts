import { randomUUID } from "node:crypto";
import { type MessageLog, openEmbeddedLog, openKafkaLog } from "@cos/messaging";
import { type Db, openPostgresStore } from "@cos/store";
import { createTestDatabase, openTestStore } from "@cos/testkit";

/** Store and log as one process has them. */
export type ProcessParts = { readonly db: Db; readonly log: MessageLog; close(): Promise<void> };

/** Store and log that several processes share. */
export type PlatformParts = { open(): Promise<ProcessParts>; dispose(): Promise<void> };

/** One embedded store and log; every "process" has the same. */
export async function embeddedParts(options: { duplicateDeliveries: boolean }): Promise<PlatformParts> {
  const test = await openTestStore();
  const log = await openEmbeddedLog({ store: test.store, ...options });
  return {
    open: async () => ({ db: test.store.schema("orchestrator"), log, close: async () => {} }),
    dispose: async () => {
      await log.close();
      await test.dispose();
    },
  };
}

/** A database of its own on a Postgres server and topics of its own on a Kafka broker; each process its connections. */
export async function realParts(postgres: string, kafka: string): Promise<PlatformParts> {
  const database = await createTestDatabase(postgres);
  const prefix = `t-${randomUUID().slice(0, 8)}.`;
  return {
    open: async () => {
      const store = openPostgresStore({
        url: database.url,
        applicationName: "orchestrator-test",
        migrations: "run",
        pollMs: 500,
      });
      const log = await openKafkaLog({
        brokers: kafka.split(","),
        clientId: "orchestrator-test",
        sessionTimeoutMs: 6_000,
        heartbeatMs: 300,
      });
      return {
        db: store.schema("orchestrator"),
        log: prefixed(log, prefix),
        close: async () => {
          await log.close();
          await store.close();
        },
      };
    },
    dispose: () => database.drop(),
  };
}

/** A part of a broker that nobody else uses. */
const prefixed = (log: MessageLog, prefix: string): MessageLog => ({
  declare: (topic) => log.declare({ ...topic, name: prefix + topic.name }),
  publish: (messages) =>
    log.publish(messages.map((message) => ({ ...message, topic: prefix + message.topic }))),
  subscribe: (options) =>
    log.subscribe({
      ...options,
      group: prefix + options.group,
      topic: prefix + options.topic,
      handle: (message, signal) =>
        options.handle({ ...message, topic: message.topic.slice(prefix.length) }, signal),
    }),
  lag: (group, topic) => log.lag(prefix + group, prefix + topic),
  keptSeconds: (topic) => log.keptSeconds(prefix + topic),
  ping: () => log.ping(),
  close: () => log.close(),
});
