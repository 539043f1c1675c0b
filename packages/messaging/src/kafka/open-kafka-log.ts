import { setTimeout as delay } from "node:timers/promises";
import type { OutgoingMessage } from "@cos/store";
import { isTlsRefusal, tlsRefusalOf } from "@cos/tls";
import type { MessageLog, SubscribeOptions, Subscription } from "../message-log.ts";
import { partitionOf } from "../partition-of.ts";
import { consumerSession } from "./consumer-session.ts";
import { codeOf } from "./error-codes.ts";
import { GroupMember } from "./group-member.ts";
import { KafkaError } from "./kafka-error.ts";
import type { KafkaOptions } from "./kafka-options.ts";
import { defaultMaxMessageBytes, KafkaTopics } from "./kafka-topics.ts";
import { KafkaPublisher, type Placed } from "./publisher.ts";

/**
 * Opens a log on a Kafka cluster. Nothing is asked of a broker yet: `declare`, `publish` and `subscribe` wait for one.
 * Publishing is acknowledged by all in-sync copies; a member of a group keeps its partitions however long its handlers
 * run, and those with a running handler also through a rebalance.
 * @errors as `KafkaError` lists
 */
export async function openKafkaLog(options: KafkaOptions): Promise<MessageLog> {
  const { sessionTimeoutMs = 15_000, heartbeatMs = 1_000, stallMs = 30_000, patienceMs = 60_000 } = options;
  const {
    oldestBackupDays = 30,
    readAhead = 256,
    maxMessageBytes = defaultMaxMessageBytes,
    onEvent = () => {},
  } = options;
  const topics = new KafkaTopics(options);
  const publisher = new KafkaPublisher(options, (error) =>
    onEvent({ type: "producer-replaced", reason: codeOf(error) }),
  );
  const members = new Set<GroupMember>();
  const closing = new AbortController();

  /** Tries until it succeeds, is refused for good, or patience ends. */
  const patiently = async <T>(attempt: () => Promise<T>): Promise<T> => {
    const end = performance.now() + patienceMs;
    for (;;) {
      if (closing.signal.aborted) throw new KafkaError("LOG_CLOSED", "the log is closed");
      try {
        return await attempt();
      } catch (error) {
        if (error instanceof KafkaError) throw error;
        if (isRefusal(error)) throw new KafkaError("KAFKA_REFUSED", codeOf(error), { cause: error });
        if (performance.now() > end) {
          if (isTlsRefusal(error)) {
            throw new KafkaError(
              "KAFKA_UNTRUSTED",
              `no trust in a broker's connection: ${tlsRefusalOf(error)}`,
            );
          }
          throw new KafkaError("KAFKA_UNAVAILABLE", `no answer in ${patienceMs} ms`, { cause: error });
        }
        await delay(250, undefined, { signal: closing.signal }).catch(() => {});
      }
    }
  };

  const place = async (message: OutgoingMessage): Promise<Placed> => {
    const { topic, key, value, partition } = message;
    if (value.byteLength > maxMessageBytes) {
      const size = `${value.byteLength} bytes, at most ${maxMessageBytes} are allowed`;
      throw new KafkaError("MESSAGE_TOO_LARGE", `a message for ${topic} has ${size}`);
    }
    const partitions = await patiently(() => topics.partitionsOf(topic));
    return {
      message,
      partition: partition === undefined ? partitionOf(key, partitions) : partition % partitions,
    };
  };

  const join = (subscription: SubscribeOptions): GroupMember => {
    const { group, topic } = subscription;
    return new GroupMember(subscription, {
      openSession: (asked, events) =>
        consumerSession(options, { ...asked, sessionTimeoutMs, heartbeatMs }, events),
      readAhead,
      stallMs,
      standing: (asked, from) => topics.standing(asked, from),
      onRebuilt: (reason) => onEvent({ type: "consumer-rebuilt", group, topic, reason }),
      onAssigned: (partitions) =>
        onEvent({ type: "rebalanced", group, topic, reason: "ASSIGNED", partitions }),
    });
  };

  return {
    declare: (topic) => patiently(() => topics.declare(topic)),

    publish: async (messages) => {
      if (messages.length === 0) return;
      const placed: Placed[] = [];
      for (const message of messages) placed.push(await place(message));
      await patiently(() => publisher.send(placed));
    },

    subscribe: async (subscription): Promise<Subscription> => {
      await patiently(() => topics.partitionsOf(subscription.topic));
      const member = join(subscription);
      members.add(member);
      await member.joined(patienceMs);
      return {
        close: async ({ drain = true } = {}) => {
          members.delete(member);
          await member.close(drain);
        },
      };
    },

    lag: async (group, topic) => {
      const standing = await patiently(() => topics.standing(group, topic));
      return [...standing.values()].reduce((sum, { committed, end }) => sum + Number(end - committed), 0);
    },

    ping: () => topics.ping(),

    keptSeconds: async (topic) => {
      const kept = await patiently(() => topics.keptSeconds(topic));
      return Math.max(kept, oldestBackupDays * 86_400);
    },

    close: async () => {
      await Promise.all([...members].map((member) => member.close(true)));
      closing.abort();
      await Promise.all([publisher.close(), topics.close()]);
    },
  };
}

/** Answers that stay the same however often one asks. */
const refusals = new Set([
  "TOPIC_AUTHORIZATION_FAILED",
  "GROUP_AUTHORIZATION_FAILED",
  "CLUSTER_AUTHORIZATION_FAILED",
  "SASL_AUTHENTICATION_FAILED",
  "PLT_KFK_AUTHENTICATION",
  "UNSUPPORTED_SASL_MECHANISM",
  "MESSAGE_TOO_LARGE",
  "INVALID_REPLICATION_FACTOR",
  "INVALID_CONFIG",
  "INVALID_TOPIC_EXCEPTION",
  "POLICY_VIOLATION",
]);

const isRefusal = (error: unknown): boolean => refusals.has(codeOf(error));
