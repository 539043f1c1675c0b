import { setTimeout as delay } from "node:timers/promises";
import { claimInbox, type Db, forgetInbox, insertDeadLetter } from "@cos/store";
import type { Consumer, Delivery, Outcome, TaskConsumer } from "./consumer.ts";
import type { MessageLog, ReceivedMessage, Subscription } from "./message-log.ts";
import { regularly } from "./regularly.ts";
import { defaultRetryPolicy, type RetryPolicy, retryDelayMs } from "./retry-policy.ts";

/** What an operator sees of a consumer. References only, never a payload. */
export type ConsumerEvent = {
  readonly type: "retrying" | "parked" | "paused" | "parking-failed" | "untidied";
  readonly consumer: string;
  readonly topic: string;
  /** -1 where it is about all of them. */
  readonly partition: number;
  readonly messageId?: string;
  /** Code of the reason. */
  readonly reason: string;
  readonly attempt?: number;
  readonly error?: unknown;
};

export type ConsumerParts = {
  readonly log: MessageLog;
  /** The service's schema: inbox and dead letters. A task consumer may do without; then parking only reports. */
  readonly db?: Db;
  readonly maxInFlight?: number;
  readonly retry?: RetryPolicy;
  /** How often claims that nobody needs any more are deleted; default an hour. */
  readonly tidyEveryMs?: number;
  onEvent?(event: ConsumerEvent): void;
};

/** Starts consuming. Closing the subscription waits for the running handlers. */
export async function runConsumer<T>(
  consumer: Consumer<T> | TaskConsumer<T>,
  parts: ConsumerParts,
): Promise<Subscription> {
  if (consumer.kind === "transactional" && !parts.db) throw new TypeError(`${consumer.name} needs a db`);
  const { log, db, onEvent = () => {}, tidyEveryMs = 3_600_000 } = parts;
  const { name, topic } = consumer;
  await log.declare(topic);
  const subscription = await log.subscribe({
    group: name,
    topic: topic.name,
    ...(parts.maxInFlight === undefined ? {} : { maxInFlight: parts.maxInFlight }),
    handle: (message, signal) => new Handling(consumer, parts, message, signal).run(),
    onPaused: (partition, error) =>
      onEvent({ type: "paused", consumer: name, topic: topic.name, partition, reason: codeOf(error), error }),
  });
  if (db === undefined) return subscription;
  const tidy = async (signal: AbortSignal): Promise<void> => {
    const seconds = await log.keptSeconds(topic.name);
    if (Number.isFinite(seconds)) await forgetInbox(db, name, seconds, { signal });
  };
  const stopTidying = regularly(tidyEveryMs, tidy, (error) =>
    onEvent({
      type: "untidied",
      consumer: name,
      topic: topic.name,
      partition: -1,
      reason: codeOf(error),
      error,
    }),
  );
  return {
    close: async (options) => {
      await Promise.all([stopTidying(), subscription.close(options)]);
    },
  };
}

/** Several consumers of one service; closing closes all. */
export async function runConsumers(
  // biome-ignore lint/suspicious/noExplicitAny: consumers of different event types stand in one list
  consumers: readonly (Consumer<any> | TaskConsumer<any>)[],
  parts: ConsumerParts,
): Promise<Subscription> {
  const running = await Promise.all(consumers.map((consumer) => runConsumer(consumer, parts)));
  return {
    close: async (options) => {
      await Promise.all(running.map((one) => one.close(options)));
    },
  };
}

/** The event is of a later version than this reader. */
export class UnknownEventError extends Error {
  readonly code = "UNKNOWN_EVENT";
}

/** One message on its way to `done` or the dead letters. */
class Handling<T> {
  readonly #consumer: Consumer<T> | TaskConsumer<T>;
  readonly #parts: ConsumerParts;
  readonly #message: ReceivedMessage;
  readonly #signal: AbortSignal;

  constructor(
    consumer: Consumer<T> | TaskConsumer<T>,
    parts: ConsumerParts,
    message: ReceivedMessage,
    signal: AbortSignal,
  ) {
    this.#consumer = consumer;
    this.#parts = parts;
    this.#message = message;
    this.#signal = signal;
  }

  /** @throws UnknownEventError, which pauses the partition */
  async run(): Promise<void> {
    const { topic } = this.#consumer;
    let event: T;
    try {
      event = topic.decode(this.#message.value);
    } catch {
      return this.#park("UNDECODABLE");
    }
    if (!topic.isKnown(event))
      throw new UnknownEventError(`${topic.name} carries an event this reader does not know`);
    return this.#handle(event);
  }

  async #handle(event: T): Promise<void> {
    const retry = this.#parts.retry ?? defaultRetryPolicy;
    for (let attempt = 1; !this.#signal.aborted; attempt += 1) {
      try {
        const outcome = await this.#attempt(event, attempt);
        return outcome.kind === "done" ? undefined : await this.#park(outcome.reason);
      } catch (error) {
        const reason = codeOf(error);
        if (attempt >= retry.attempts) return this.#park(`RETRIES_EXHAUSTED:${reason}`);
        this.#report("retrying", reason, attempt, error);
        await this.#wait(retryDelayMs(retry, attempt));
      }
    }
  }

  /** One try. The claim, the effect and its messages commit together or not at all. */
  async #attempt(event: T, attempt: number): Promise<Outcome> {
    const consumer = this.#consumer;
    const delivery = this.#delivery(attempt);
    if (consumer.kind === "task") return consumer.handle(event, delivery);
    try {
      return await this.#parts.db!.inTransaction(async (tx) => {
        if (!(await claimInbox(tx, consumer.name, delivery.messageId))) return { kind: "done" };
        const outcome = await consumer.handle(event, delivery, tx);
        if (outcome.kind === "park") throw new Rollback(outcome);
        return outcome;
      });
    } catch (error) {
      if (error instanceof Rollback) return error.outcome;
      throw error;
    }
  }

  /** Records the dead letter with its claim; tries until it stands, because going on without it would lose the message. */
  async #park(reason: string): Promise<void> {
    const { db } = this.#parts;
    const consumer = this.#consumer.name;
    for (let attempt = 1; db && !this.#signal.aborted; attempt += 1) {
      try {
        await db.inTransaction(async (tx) => {
          if (!(await claimInbox(tx, consumer, this.#message.headers.messageId))) return;
          await insertDeadLetter(tx, { consumer, reason, message: this.#message });
        });
        break;
      } catch (error) {
        this.#report("parking-failed", codeOf(error), attempt, error);
        await this.#wait(retryDelayMs(defaultRetryPolicy, attempt));
      }
    }
    this.#report("parked", reason);
  }

  #delivery(attempt: number): Delivery {
    const { headers, topic, partition, offset } = this.#message;
    return { ...headers, topic, partition, offset, attempt, signal: this.#signal };
  }

  #report(type: ConsumerEvent["type"], reason: string, attempt?: number, error?: unknown): void {
    const { topic, partition, headers } = this.#message;
    this.#parts.onEvent?.({
      type,
      consumer: this.#consumer.name,
      topic,
      partition,
      messageId: headers.messageId,
      reason,
      ...(attempt === undefined ? {} : { attempt }),
      ...(error === undefined ? {} : { error }),
    });
  }

  async #wait(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#signal }).catch(() => {});
  }
}

/** Carries an outcome out of a transaction that must not commit. */
class Rollback extends Error {
  readonly outcome: Outcome;
  constructor(outcome: Outcome) {
    super(outcome.kind);
    this.outcome = outcome;
  }
}

/** A stable word for an error; its message might quote data. */
function codeOf(error: unknown): string {
  if (typeof error === "object" && error !== null && "code" in error) return String(error.code);
  return error instanceof Error ? error.name : "UNKNOWN";
}
