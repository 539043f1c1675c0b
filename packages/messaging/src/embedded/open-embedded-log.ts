import type { OutgoingMessage, Store } from "@cos/store";
import type { MessageLog } from "../message-log.ts";
import { partitionOf } from "../partition-of.ts";
import { regularly } from "../regularly.ts";
import { Group } from "./group.ts";
import { type Batch, LogStore } from "./log-store.ts";
import { logMigrations } from "./log-tables.ts";

/**
 * Opens the log of one process: durable in the store, wake-ups in memory. The process that has the store open has the
 * log to itself, so its ends are known without asking. What is older than its topic's retention, and behind every group
 * that has ever read the topic, is deleted.
 * @param options.oldestBackupDays age of the oldest backup that the store may be restored from; default 30
 * @param options.duplicateDeliveries hands every message over twice, to test that nothing counts twice
 */
export async function openEmbeddedLog(options: {
  readonly store: Store;
  readonly duplicateDeliveries?: boolean;
  readonly oldestBackupDays?: number;
  readonly tidyEveryMs?: number;
}): Promise<MessageLog> {
  const { oldestBackupDays = 30, tidyEveryMs = 3_600_000 } = options;
  const db = options.store.schema("log");
  await db.migrate(logMigrations);
  const store = new LogStore(db);
  const ends = await store.ends();
  const topics = await store.topics();
  const groups = new Map<string, Promise<Group>>();
  const byTopic = new Map<string, Group[]>();
  const retention = new Map<string, number>();
  const stopTidying = regularly(tidyEveryMs, async (signal) => {
    for (const [topic, days] of retention) {
      if (Number.isFinite(days)) await store.forget(topic, days * 86_400, signal);
    }
  });

  const partitionsOf = (topic: string): number => {
    const partitions = topics.get(topic);
    if (partitions === undefined) throw new Error(`topic ${topic} was not declared`);
    return partitions;
  };

  const openGroup = async (group: string, topic: string): Promise<Group> => {
    const opened = new Group({
      store,
      group,
      topic,
      partitions: partitionsOf(topic),
      offsets: await store.offsets(group, topic),
      deliveries: options.duplicateDeliveries ? 2 : 1,
      endOf: (partition) => ends.get(`${topic}/${partition}`) ?? 0n,
    });
    byTopic.set(topic, [...(byTopic.get(topic) ?? []), opened]);
    return opened;
  };

  return {
    declare: async ({ name, partitions, retentionDays = 7 }) => {
      retention.set(name, retentionDays);
      if (topics.get(name) === partitions) return;
      await store.declare(name, partitions);
      topics.set(name, partitions);
    },

    publish: async (messages) => {
      if (messages.length === 0) return;
      const batches = toBatches(messages, partitionsOf);
      const newEnds = await store.append(batches);
      for (const [at, { topic, partition }] of batches.entries())
        raise(ends, `${topic}/${partition}`, newEnds[at]!);
      for (const topic of new Set(messages.map((one) => one.topic))) {
        for (const group of byTopic.get(topic) ?? []) group.wake();
      }
    },

    subscribe: async (subscription) => {
      const { group, topic } = subscription;
      const id = JSON.stringify([group, topic]);
      const opened = groups.get(id) ?? openGroup(group, topic);
      groups.set(id, opened);
      return (await opened).join(subscription);
    },

    lag: (group, topic) => store.lag(group, topic),

    keptSeconds: async (topic) =>
      Math.max(retention.get(topic) ?? Number.POSITIVE_INFINITY, oldestBackupDays) * 86_400,

    ping: async () => {}, // it lives in this process

    close: async () => {
      await stopTidying();
      for (const group of groups.values()) await (await group).close();
    },
  };
}

/** Groups messages by partition, keeping their order within each. */
function toBatches(messages: readonly OutgoingMessage[], partitionsOf: (topic: string) => number): Batch[] {
  const batches = new Map<string, { topic: string; partition: number; messages: OutgoingMessage[] }>();
  for (const message of messages) {
    const partitions = partitionsOf(message.topic);
    const partition =
      message.partition === undefined ? partitionOf(message.key, partitions) : message.partition % partitions;
    const id = `${message.topic}/${partition}`;
    const batch = batches.get(id) ?? { topic: message.topic, partition, messages: [] };
    batch.messages.push(message);
    batches.set(id, batch);
  }
  return [...batches.values()];
}

/** Two publishers may finish in the other order than they appended: an end never goes back. */
function raise(ends: Map<string, bigint>, id: string, end: bigint): void {
  if (end > (ends.get(id) ?? 0n)) ends.set(id, end);
}
