import { randomUUID } from "node:crypto";
import { partitionOf, toMessage } from "@cos/messaging";
import type { JobEvent } from "@cos/proto/compute";
import { appendOutbox } from "@cos/store";
import { jobEvents, taskEvents } from "@cos/topics";
import type { Announcer, Tx } from "../app/ports.ts";
import { bytesOf } from "./grpc/wire.ts";

const headers = () => ({ messageId: randomUUID(), producer: "orchestrator" });

const announce = (tx: Tx, jobId: string, event: JobEvent["event"]): Promise<void> =>
  appendOutbox(tx, [toMessage(jobEvents, { jobId: bytesOf(jobId), event }, headers())]);

/** Writes events and tasks into the outbox of the transaction that makes them true. */
export const outboxAnnouncer: Announcer = {
  taskQueued: async (tx, { jobId, taskId, replica, region, inputBytes, published }) => {
    const topic = taskEvents(region);
    const event = {
      event: {
        $case: "taskQueued" as const,
        value: {
          taskId: bytesOf(taskId),
          jobId: bytesOf(jobId),
          replica,
          inputBytes: BigInt(inputBytes),
        },
      },
    };
    // Replicas lie on neighbouring partitions, which belong to different members; each further try moves on by one.
    const partition =
      (partitionOf(topic.key(event), topic.partitions) + replica + published) % topic.partitions;
    await appendOutbox(tx, [toMessage(topic, event, headers(), { partition })]);
  },
  jobPlanned: (tx, jobId, planDigest, tasks) =>
    announce(tx, jobId, { $case: "jobPlanned", value: { planDigest: bytesOf(planDigest), tasks } }),
  jobCompleted: (tx, jobId, { commitment, uri }) =>
    announce(tx, jobId, {
      $case: "jobCompleted",
      value: { resultCommitment: bytesOf(commitment), resultUri: uri },
    }),
  jobEnded: (tx, jobId, how, reason) => announce(tx, jobId, { $case: how, value: { reason } }),
};
