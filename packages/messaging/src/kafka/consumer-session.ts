import {
  ConnectionPool,
  Consumer,
  type ExtendedGroupProtocolSubscription,
  type GroupPartitionsAssigner,
} from "@platformatic/kafka";
import { assignPartitions } from "./assign-partitions.ts";
import { bearErrors, clientOptions, connectionOptions } from "./client-options.ts";
import { codeOf } from "./error-codes.ts";
import type { GroupSession, SessionEvents } from "./group-session.ts";
import type { KafkaOptions } from "./kafka-options.ts";
import { PartitionReader } from "./partition-reader.ts";

const protocol = "cos-running-stays";

/** A group membership by @platformatic/kafka: it joins, heartbeats and commits; fetching is PartitionReader's. */
export function consumerSession(
  options: KafkaOptions,
  subscription: {
    readonly group: string;
    readonly topic: string;
    readonly sessionTimeoutMs: number;
    readonly heartbeatMs: number;
  },
  events: SessionEvents,
): GroupSession {
  const { group, topic, sessionTimeoutMs, heartbeatMs } = subscription;
  const consumer = new Consumer({
    ...clientOptions(options),
    groupId: group,
    sessionTimeout: sessionTimeoutMs,
    rebalanceTimeout: sessionTimeoutMs,
    heartbeatInterval: heartbeatMs,
    autocommit: false,
    protocols: [{ name: protocol, version: 1 }],
    protocolsMetadata: async () => Buffer.from(JSON.stringify(await events.claim())),
    partitionAssigner: deal(topic),
  });
  const connections = new ConnectionPool(options.clientId, connectionOptions(options));
  const reader = new PartitionReader(consumer, connections, topic, events.messages);
  const fail = (error: unknown): void => events.failed(codeOf(error));
  let stopped = false;

  bearErrors(consumer.connections);
  bearErrors(connections);
  consumer.topics.track(topic);
  consumer.on("error", fail);
  consumer.on("consumer:heartbeat:end", () => events.heartbeat());
  consumer.on("consumer:group:join", ({ assignments = [], generationId = -1 }) => {
    const partitions = assignments.find((one) => one.topic === topic)?.partitions ?? [];
    events.assigned(partitions, generationId);
    reader.assign(partitions);
  });

  return {
    start: async () => {
      await consumer.joinGroup();
    },
    pause: (partition) => reader.pause(partition),
    resume: (partition) => reader.resume(partition),
    commit: (positions) =>
      consumer.commit({
        offsets: positions.map(({ partition, offset }) => ({ topic, partition, offset, leaderEpoch: -1 })),
      }),
    stop: async () => {
      if (stopped) return;
      stopped = true;
      await reader.stop();
      await consumer.close(true);
    },
  };
}

/** Deals the topic's partitions by what each member has told of itself. */
function deal(topic: string): GroupPartitionsAssigner {
  return (_current, members, _topics, metadata) => {
    const partitions = Array.from(
      { length: metadata.topics.get(topic)?.partitionsCount ?? 0 },
      (_, at) => at,
    );
    return [...assignPartitions([...members.values()].map(readClaim), partitions)].map(
      ([memberId, share]) => ({
        memberId,
        assignments: new Map([[topic, { topic, partitions: share }]]),
      }),
    );
  };
}

function readClaim({
  memberId,
  metadata,
}: ExtendedGroupProtocolSubscription): Parameters<typeof assignPartitions>[0][0] {
  const told = JSON.parse(metadata?.toString() || "{}") as Record<string, unknown>;
  const numbers = (value: unknown): number[] => (Array.isArray(value) ? value.filter(Number.isInteger) : []);
  const owned = numbers(told.owned);
  return {
    id: memberId,
    generation: Number.isInteger(told.generation) ? Number(told.generation) : -1,
    owned,
    busy: numbers(told.busy).filter((partition) => owned.includes(partition)),
    leaving: told.leaving === true,
  };
}
