import type { Admin, Kafka } from "kafkajs";
import type { TopicDeclaration } from "../message-log.ts";
import type { Standing } from "./group-member.ts";
import { KafkaError } from "./kafka-error.ts";
import type { KafkaOptions } from "./kafka-options.ts";

/** What the cluster knows of topics and groups. One connection, replaced after a failure. */
export class KafkaTopics {
  readonly #kafka: Kafka;
  readonly #options: KafkaOptions;
  readonly #partitions = new Map<string, number>();
  #admin: Promise<Admin> | undefined;

  constructor(kafka: Kafka, options: KafkaOptions) {
    this.#kafka = kafka;
    this.#options = options;
  }

  /** @errors `PARTITIONS_DIFFER` */
  async declare({ name, partitions, retention = "week" }: TopicDeclaration): Promise<void> {
    if (this.#partitions.get(name) === partitions) return;
    const existing = (await this.#count(name)) ?? (await this.#create(name, partitions, retention));
    if (existing !== partitions) {
      throw new KafkaError("PARTITIONS_DIFFER", `${name} has ${existing} partitions, not ${partitions}`);
    }
    this.#partitions.set(name, partitions);
  }

  /** @errors `UNKNOWN_TOPIC` */
  async partitionsOf(topic: string): Promise<number> {
    const known = this.#partitions.get(topic) ?? (await this.#count(topic));
    if (known === undefined) throw new KafkaError("UNKNOWN_TOPIC", `topic ${topic} was not declared`);
    this.#partitions.set(topic, known);
    return known;
  }

  /** Where a group stands in a topic. */
  standing(group: string, topic: string): Promise<Standing> {
    return this.#ask(async (admin) => {
      const [ends, [offsets]] = await Promise.all([
        admin.fetchTopicOffsets(topic),
        admin.fetchOffsets({ groupId: group, topics: [topic] }),
      ]);
      const committed = new Map(offsets?.partitions.map((one) => [one.partition, BigInt(one.offset)]));
      return new Map(
        ends.map(({ partition, low, high }) => {
          const start = BigInt(low);
          const at = committed.get(partition) ?? -1n;
          return [partition, { committed: at < start ? start : at, end: BigInt(high) }];
        }),
      );
    });
  }

  async close(): Promise<void> {
    const admin = await this.#admin?.catch(() => undefined);
    await admin?.disconnect().catch(() => {});
  }

  #count(topic: string): Promise<number | undefined> {
    return this.#ask(async (admin) => {
      if (!(await admin.listTopics()).includes(topic)) return undefined;
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      return topics[0]?.partitions.length;
    });
  }

  async #create(
    topic: string,
    numPartitions: number,
    retention: TopicDeclaration["retention"],
  ): Promise<number | undefined> {
    const { maxMessageBytes = defaultMaxMessageBytes } = this.#options;
    await this.#ask(async (admin) => {
      const { brokers } = await admin.describeCluster();
      const replicationFactor = this.#options.replicationFactor ?? Math.min(3, brokers.length);
      const insync = this.#options.minInsyncReplicas ?? Math.max(1, replicationFactor - 1);
      const configEntries = [
        { name: "cleanup.policy", value: "delete" },
        { name: "retention.ms", value: retention === "forever" ? "-1" : String(weekMs) },
        { name: "retention.bytes", value: "-1" },
        { name: "min.insync.replicas", value: String(replicationFactor < 3 ? 1 : insync) },
        { name: "max.message.bytes", value: String(Math.max(1 << 20, maxMessageBytes + 64 * 1024)) },
      ];
      await admin.createTopics({ topics: [{ topic, numPartitions, replicationFactor, configEntries }] });
    });
    return this.#count(topic);
  }

  async #ask<T>(question: (admin: Admin) => Promise<T>): Promise<T> {
    this.#admin ??= this.#connect();
    const asked = this.#admin;
    try {
      return await question(await asked);
    } catch (error) {
      if (this.#admin === asked) this.#admin = undefined;
      void asked.then((admin) => admin.disconnect()).catch(() => {});
      throw error;
    }
  }

  async #connect(): Promise<Admin> {
    const admin = this.#kafka.admin();
    await admin.connect();
    return admin;
  }
}

export const defaultMaxMessageBytes = 900 * 1024;
const weekMs = 7 * 24 * 3_600_000;
