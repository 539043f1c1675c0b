import { defineTopic, type Topic } from "@cos/messaging";
import { ChainEvent } from "@cos/proto/chain";
import { JobEvent, TaskEvent } from "@cos/proto/compute";
import { TicketEvent } from "@cos/proto/gateway";
import { TransactionEvent } from "@cos/proto/settlement";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/**
 * Logs of the COS contracts in block order. One partition, so that a permit never overtakes its grant's revocation. Kept
 * for ever, so that a new reader starts at the first block.
 */
export const chainEvents: Topic<ChainEvent> = defineTopic({
  name: "chain.events.v1",
  codec: ChainEvent,
  key: (event) => event.chainId.toString(),
  partitions: 1,
  retentionDays: Number.POSITIVE_INFINITY,
});

/** What happened to jobs, by job. */
export const jobEvents: Topic<JobEvent> = defineTopic({
  name: "compute.jobs.v1",
  codec: JobEvent,
  key: (event) => hex(event.jobId),
});

/** What happened to tickets, by ticket. */
export const ticketEvents: Topic<TicketEvent> = defineTopic({
  name: "gateway.tickets.v1",
  codec: TicketEvent,
  key: (event) => hex(event.ticketId),
});

/** What happened to operator transactions, by business id. */
export const transactionEvents: Topic<TransactionEvent> = defineTopic({
  name: "settlement.transactions.v1",
  codec: TransactionEvent,
  key: (event) => event.businessId,
});

/** Partitions of a region's queue where a deployment does not say otherwise. */
export const defaultTaskPartitions = 32;

/**
 * Where the workers of a region wait for tasks. A work queue: a partition's tasks are computed one after the other, so that
 * there are as many partitions as tasks at once, or more. What is lost with retention is published again by the
 * orchestrator's sweeper.
 */
export const taskEvents = (region: string, partitions: number = defaultTaskPartitions): Topic<TaskEvent> =>
  defineTopic({
    name: `compute.tasks.${region}.v1`,
    codec: TaskEvent,
    key: (event) => hex(event.event?.value.taskId ?? new Uint8Array()),
    partitions,
    retentionDays: 7,
  });
