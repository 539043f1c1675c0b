import { Admin, ConfigResourceTypes, ListOffsetTimestamps } from "@platformatic/kafka";
import type { TopicDeclaration } from "../message-log.ts";
import { bearErrors, clientOptions } from "./client-options.ts";
import { codeOf } from "./error-codes.ts";
import type { Standing } from "./group-member.ts";
import { KafkaError } from "./kafka-error.ts";
import type { KafkaOptions } from "./kafka-options.ts";

/** What the cluster knows of topics and groups. One client, replaced after a failure. */
export class KafkaTopics {
  readonly #options: KafkaOptions;
  readonly #partitions = new Map<string, number>();
  #admin: Admin | undefined;

  constructor(options: KafkaOptions) {
    this.#options = options;
  }

  /** @errors `PARTITIONS_DIFFER` */
  async declare({ name, partitions, retentionDays = 7 }: TopicDeclaration): Promise<void> {
    if (this.#partitions.get(name) === partitions) return;
    if ((await this.#count(name)) === undefined) await this.#create(name, partitions, retentionDays);
    const existing = await this.#count(name);
    if (existing === undefined) throw new Error("the new topic is not known yet");
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
  async standing(groupId: string, topic: string): Promise<Standing> {
    const count = await this.partitionsOf(topic);
    return this.#ask(async (admin) => {
      const partitionIndexes = Array.from({ length: count }, (_, at) => at);
      const offsets = async (timestamp: bigint): Promise<Map<number, bigint>> => {
        const partitions = partitionIndexes.map((partitionIndex) => ({ partitionIndex, timestamp }));
        const [listed] = await admin.listOffsets({ topics: [{ name: topic, partitions }] });
        return new Map(listed?.partitions.map((one) => [one.partitionIndex, one.offset]));
      };
      const groups = [{ groupId, topics: [{ name: topic, partitionIndexes }] }];
      const [starts, ends, [group]] = await Promise.all([
        offsets(ListOffsetTimestamps.EARLIEST),
        offsets(ListOffsetTimestamps.LATEST),
        admin.listConsumerGroupOffsets({ groups }),
      ]);
      const committed = new Map(
        group?.topics[0]?.partitions.map((one) => [one.partitionIndex, one.committedOffset]),
      );
      return new Map(
        partitionIndexes.map((partition) => {
          const start = starts.get(partition) ?? 0n;
          const at = committed.get(partition) ?? -1n;
          return [partition, { committed: at < start ? start : at, end: ends.get(partition) ?? start }];
        }),
      );
    });
  }

  /**
   * How long the brokers keep a message at most, by their own settings, which an operator may have changed: a segment is
   * deleted when its last message is old enough, and takes messages for `segment.ms`.
   */
  async keptSeconds(topic: string): Promise<number> {
    const [described] = await this.#ask((admin) =>
      admin.describeConfigs({
        resources: [
          {
            resourceType: ConfigResourceTypes.TOPIC,
            resourceName: topic,
            configurationKeys: ["cleanup.policy", "retention.ms", "segment.ms"],
          },
        ],
      }),
    );
    const of = new Map(described?.configs.map(({ name, value }) => [name, value]));
    const [retentionMs, segmentMs] = [Number(of.get("retention.ms")), Number(of.get("segment.ms"))];
    if (of.get("cleanup.policy") !== "delete" || retentionMs < 0) return Number.POSITIVE_INFINITY;
    if (!(retentionMs + segmentMs > 0)) throw new Error("the broker does not say how long it keeps messages");
    return (retentionMs + segmentMs + dayMs) / 1000; // a day for clocks that differ and deletions that wait
  }

  /** @throws when no broker answers */
  async ping(): Promise<void> {
    await this.#ask((admin) => admin.metadata({ topics: [], forceUpdate: true }));
  }

  async close(): Promise<void> {
    await this.#admin?.close().catch(() => {});
  }

  #count(topic: string): Promise<number | undefined> {
    return this.#ask(async (admin) => {
      if (!(await admin.listTopics()).includes(topic)) return undefined;
      const { topics } = await admin.metadata({ topics: [topic], forceUpdate: true });
      return topics.get(topic)?.partitionsCount;
    });
  }

  #create(topic: string, partitions: number, retentionDays: number): Promise<void> {
    const { maxMessageBytes = defaultMaxMessageBytes } = this.#options;
    return this.#ask(async (admin) => {
      const { brokers } = await admin.metadata({ topics: [], forceUpdate: true });
      const replicas = this.#options.replicationFactor ?? Math.min(3, brokers.size);
      const insync = this.#options.minInsyncReplicas ?? (replicas < 3 ? 1 : replicas - 1);
      const configs = [
        { name: "cleanup.policy", value: "delete" },
        {
          name: "retention.ms",
          value: Number.isFinite(retentionDays) ? String(retentionDays * dayMs) : "-1",
        },
        { name: "retention.bytes", value: "-1" },
        { name: "min.insync.replicas", value: String(insync) },
        { name: "unclean.leader.election.enable", value: "false" },
        { name: "max.message.bytes", value: String(Math.max(1 << 20, maxMessageBytes + 64 * 1024)) },
      ];
      await admin.createTopics({ topics: [topic], partitions, replicas, configs }).catch((error: unknown) => {
        if (codeOf(error) !== "TOPIC_ALREADY_EXISTS") throw error;
      });
    });
  }

  async #ask<T>(question: (admin: Admin) => Promise<T>): Promise<T> {
    if (!this.#admin) {
      this.#admin = new Admin(clientOptions(this.#options));
      bearErrors(this.#admin.connections);
    }
    const admin = this.#admin;
    try {
      return await question(admin);
    } catch (error) {
      if (this.#admin === admin) this.#admin = undefined;
      void admin.close().catch(() => {});
      throw error;
    }
  }
}

export const defaultMaxMessageBytes = 900 * 1024;
const dayMs = 24 * 3_600_000;
