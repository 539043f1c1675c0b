import { AssignerProtocol, type EachBatchPayload, type Kafka, type PartitionAssigner } from "kafkajs";
import type { ReceivedMessage } from "../message-log.ts";
import { assignPartitions, type MemberClaim } from "./assign-partitions.ts";
import type { GroupSession, SessionEvents } from "./group-session.ts";
import { fromKafkaHeaders } from "./message-headers.ts";

const pollMs = 250;

/** A group membership by kafkajs: it fetches and heartbeats; handlers, offsets and retries are the member's own. */
export function kafkajsSession(
  kafka: Kafka,
  subscription: {
    readonly group: string;
    readonly topic: string;
    readonly sessionTimeoutMs: number;
    readonly heartbeatMs: number;
  },
  events: SessionEvents,
): GroupSession {
  const { group, topic, sessionTimeoutMs, heartbeatMs } = subscription;
  const consumer = kafka.consumer({
    groupId: group,
    sessionTimeout: sessionTimeoutMs,
    rebalanceTimeout: sessionTimeoutMs,
    heartbeatInterval: heartbeatMs,
    maxWaitTimeInMs: pollMs,
    metadataMaxAge: 60_000,
    allowAutoTopicCreation: false,
    partitionAssigners: [runningStays(topic, events)],
  });
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    events.assigned(payload.memberAssignment[topic] ?? []);
  });
  consumer.on(consumer.events.HEARTBEAT, () => events.heartbeat());
  consumer.on(consumer.events.CRASH, ({ payload }) => events.failed(payload.error.name));

  const eachBatch = async ({ batch }: EachBatchPayload): Promise<void> => {
    const messages = batch.messages.map((message): ReceivedMessage => {
      const read = (name: string): string | undefined => message.headers?.[name]?.toString();
      return {
        topic,
        key: message.key?.toString() ?? "",
        value: message.value ?? new Uint8Array(),
        headers: fromKafkaHeaders(read, `${topic}/${batch.partition}/${message.offset}`),
        partition: batch.partition,
        offset: BigInt(message.offset),
      };
    });
    events.messages(batch.partition, messages);
  };

  return {
    start: async () => {
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      await consumer.run({ autoCommit: false, eachBatch });
    },
    pause: (partition) => consumer.pause([{ topic, partitions: [partition] }]),
    resume: (partition) => consumer.resume([{ topic, partitions: [partition] }]),
    commit: (positions) =>
      consumer.commitOffsets(
        positions.map(({ partition, offset }) => ({ topic, partition, offset: offset.toString() })),
      ),
    stop: () => consumer.disconnect(),
  };
}

/** Tells the group what this member has and runs, and deals partitions by what all of them tell. */
function runningStays(topic: string, events: SessionEvents): PartitionAssigner {
  return ({ cluster }) => ({
    name: "cos-running-stays",
    version: 1,
    protocol: ({ topics }) => ({
      name: "cos-running-stays",
      metadata: AssignerProtocol.MemberMetadata.encode({
        version: 1,
        topics,
        userData: Buffer.from(JSON.stringify(events.claim())),
      }),
    }),
    assign: async ({ members }) => {
      const claims = members.map(({ memberId, memberMetadata }) => readClaim(memberId, memberMetadata));
      const partitions = cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId);
      return [...assignPartitions(claims, partitions)].map(([memberId, share]) => ({
        memberId,
        memberAssignment: AssignerProtocol.MemberAssignment.encode({
          version: 1,
          assignment: { [topic]: share },
          userData: Buffer.alloc(0),
        }),
      }));
    },
  });
}

function readClaim(id: string, metadata: Buffer): MemberClaim {
  const claim = AssignerProtocol.MemberMetadata.decode(metadata);
  const { owned, busy, leaving } = JSON.parse(claim?.userData.toString() ?? "{}") as Partial<MemberClaim>;
  return { id, owned: owned ?? [], busy: busy ?? [], leaving: leaving ?? false };
}
