import type { OutgoingMessage } from "@cos/store";

/** A message at its place in the log. */
export type ReceivedMessage = OutgoingMessage & { readonly partition: number; readonly offset: bigint };

export interface Publisher {
  /** Resolves when every message is durable. Messages of one partition keep their order; a failure may leave some published. */
  publish(messages: readonly OutgoingMessage[]): Promise<void>;
}

/** A durable, partitioned log with consumer groups (the part of Kafka that the platform uses). */
export interface MessageLog extends Publisher {
  /** Fixes a topic's number of partitions; publishing or subscribing comes after. Repeating it changes nothing. */
  declare(topic: TopicDeclaration): Promise<void>;
  /** Joins a group. A group new to a topic starts at its beginning. */
  subscribe(options: SubscribeOptions): Promise<Subscription>;
  /** Messages published and not yet committed by the group: outstanding work. */
  lag(group: string, topic: string): Promise<number>;
  /**
   * Seconds after a message was last published by which nobody can be given it again, whatever becomes of a group's
   * offsets, and by which it is published again at the latest, out of a restored backup. Infinity for a topic that is kept
   * for ever.
   */
  keptSeconds(topic: string): Promise<number>;
  /** @throws when no broker answers */
  ping(): Promise<void>;
  /** Ends all subscriptions after their running handlers, then the log. */
  close(): Promise<void>;
}

export type TopicDeclaration = {
  readonly name: string;
  readonly partitions: number;
  /** How long a broker keeps messages; default 7. Infinity for what cannot be had again from elsewhere. */
  readonly retentionDays?: number;
};

export type SubscribeOptions = {
  readonly group: string;
  readonly topic: string;
  /** Handlers that may run at once in this member, one per partition at most. Default 1. */
  readonly maxInFlight?: number;
  /**
   * Called in order within a partition, at least once per message; the offset is committed after it resolves. However
   * long it takes, the member stays in its group. If it throws, the partition pauses in this subscription.
   * `signal` aborts when the message has been given to another member.
   */
  handle(message: ReceivedMessage, signal: AbortSignal): Promise<void>;
  /** A partition paused because `handle` threw. It goes on when a member joins or leaves, or after a restart. */
  onPaused?(partition: number, error: unknown): void;
};

export interface Subscription {
  /**
   * Leaves the group. `drain` (default true): waits for running handlers, 10 s at most. What is not finished then, or
   * without draining, goes to other members at once, and its handler's signal aborts.
   */
  close(options?: { readonly drain?: boolean }): Promise<void>;
}
