import { randomUUID } from "node:crypto";
import { partitionOf, toMessage } from "@cos/messaging";
import type { JobEvent } from "@cos/proto/compute";
import { appendOutbox } from "@cos/store";
import { jobEvents, taskEvents } from "@cos/topics";
import type { Announcer, QueuedReplica, Tx } from "../app/ports.ts";
import { bytesOf } from "./grpc/wire.ts";

const headers = () => ({ messageId: randomUUID(), producer: "orchestrator" });

const announce = (tx: Tx, jobId: string, event: JobEvent["event"]): Promise<void> =>
  appendOutbox(tx, [toMessage(jobEvents, { jobId: bytesOf(jobId), event }, headers())]);

/** Replicas start at neighbouring partitions, which belong to different members; each further try moves on by one. */
export const startPartition =
  (partitions: number) =>
  ({ taskId, replica, published }: QueuedReplica): number =>
    (partitionOf(taskId, partitions) + replica + published) % partitions;

/**
 * Writes events and tasks into the outbox of the transaction that makes them true.
 * @param traceOf W3C `traceparent` of a queued task's message
 */
export const outboxAnnouncer = (
  traceOf: (replica: QueuedReplica) => string | undefined = () => undefined,
): Announcer => ({
  tasksQueued: (tx, replicas) =>
    appendOutbox(
      tx,
      replicas.map((queued) => {
        const { jobId, taskId, replica, region, inputBytes, partition } = queued;
        const traceparent = traceOf(queued);
        const value = {
          taskId: bytesOf(taskId),
          jobId: bytesOf(jobId),
          replica,
          inputBytes: BigInt(inputBytes),
        };
        const event = { event: { $case: "taskQueued" as const, value } };
        const traced = { ...headers(), ...(traceparent === undefined ? {} : { traceparent }) };
        return toMessage(taskEvents(region), event, traced, { partition });
      }),
    ),
  jobPlanned: (tx, jobId, planDigest, tasks) =>
    announce(tx, jobId, { $case: "jobPlanned", value: { planDigest: bytesOf(planDigest), tasks } }),
  jobCompleted: (tx, jobId, { commitment, uri }) =>
    announce(tx, jobId, {
      $case: "jobCompleted",
      value: { resultCommitment: bytesOf(commitment), resultUri: uri },
    }),
  jobEnded: (tx, jobId, how, reason) => announce(tx, jobId, { $case: how, value: { reason } }),
});
