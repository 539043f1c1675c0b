import type { MessageMode, Tx } from "@cos/store";
import type { Topic } from "./topic.ts";

/** What became of a message. A throw is the third: try again, and after the last attempt park. */
export type Outcome = { readonly kind: "done" } | { readonly kind: "park"; readonly reason: string };

/** The effect stands; go on. */
export const done: Outcome = { kind: "done" };

/** Undo the effect and put the message aside for a person. `reason` is a stable code without personal data. */
export const park = (reason: string): Outcome => ({ kind: "park", reason });

/** What a handler knows about a message beside its event. */
export type Delivery = {
  readonly messageId: string;
  readonly producer: string;
  readonly mode: MessageMode;
  readonly traceparent?: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** From 1. */
  readonly attempt: number;
  /** Aborts when the message has been given to another member: stop, nothing that follows counts. */
  readonly signal: AbortSignal;
};

/** Consumes a topic as group `name`: each message's effect commits once, together with its inbox claim. */
export type Consumer<T> = {
  readonly kind: "transactional";
  readonly name: string;
  readonly topic: Topic<T>;
  handle(event: T, delivery: Delivery, tx: Tx): Promise<Outcome>;
};

/** Consumes a topic as group `name` outside any transaction: the handler itself must bear repetition. */
export type TaskConsumer<T> = {
  readonly kind: "task";
  readonly name: string;
  readonly topic: Topic<T>;
  handle(event: T, delivery: Delivery): Promise<Outcome>;
};

/**
 * A consumer whose effect is rows and outgoing messages. The runner has opened `tx` and claimed the message in the inbox
 * before `handle` runs, so a redelivery never reaches it; `park` or a throw rolls everything back.
 * @param definition.name `<service>.<what-it-does>`, unique: it is the consumer group and the inbox's name
 */
export const defineConsumer = <T>(definition: Omit<Consumer<T>, "kind">): Consumer<T> => ({
  kind: "transactional",
  ...definition,
});

/**
 * A consumer that works long or calls out: tasks of a worker, steps that read the network and then write. The offset is
 * committed when `handle` resolves, so a redelivery can reach it: fence the effect (`claimInbox`, compare-and-set).
 * @param definition.name the consumer group; workers that share a queue share it
 */
export const defineTaskConsumer = <T>(definition: Omit<TaskConsumer<T>, "kind">): TaskConsumer<T> => ({
  kind: "task",
  ...definition,
});
