import type { OutgoingMessage } from "@cos/store";
import { CompressionTypes, type Kafka, type Message, type Producer } from "kafkajs";
import { toKafkaHeaders } from "./message-headers.ts";

/** A message with its place. */
export type Placed = { readonly message: OutgoingMessage; readonly partition: number };

/** What one record batch may hold; brokers refuse more than 1 MiB by default. */
const batchBytes = 900 * 1024;
const overheadBytes = 200;

/**
 * Sends messages through an idempotent producer, one request at a time: what is waiting meanwhile goes with the next. A
 * producer whose request failed is never used again, because its sequence numbers would make brokers take the next
 * messages for the ones whose fate is unknown.
 */
export class KafkajsPublisher {
  readonly #kafka: Kafka;
  readonly #onReplaced: (error: unknown) => void;
  #producer: Promise<Producer> | undefined;
  #waiting: Waiting[] = [];
  #sending: Promise<void> | undefined;

  constructor(kafka: Kafka, onReplaced: (error: unknown) => void) {
    this.#kafka = kafka;
    this.#onReplaced = onReplaced;
  }

  /** Resolves when all in-sync copies have the messages. */
  send(messages: readonly Placed[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ messages, resolve, reject });
      this.#sending ??= this.#sendAll().finally(() => {
        this.#sending = undefined;
      });
    });
  }

  async close(): Promise<void> {
    await this.#sending;
    const producer = await this.#producer?.catch(() => undefined);
    await producer?.disconnect().catch(() => {});
  }

  async #sendAll(): Promise<void> {
    await Promise.resolve(); // calls of one turn go together
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, maxCalls);
      try {
        for (const round of rounds(batch.flatMap(({ messages }) => messages))) await this.#request(round);
        for (const { resolve } of batch) resolve();
      } catch (error) {
        this.#discard(error);
        for (const { reject } of batch) reject(error);
      }
    }
  }

  async #request(messages: readonly Placed[]): Promise<void> {
    this.#producer ??= this.#connect();
    const byTopic = new Map<string, Message[]>();
    for (const { message, partition } of messages) {
      const { topic, key, value, headers } = message;
      const list = byTopic.get(topic) ?? [];
      byTopic.set(topic, list);
      list.push({ key, value: Buffer.from(value), partition, headers: toKafkaHeaders(headers) });
    }
    const topicMessages = [...byTopic].map(([topic, list]) => ({ topic, messages: list }));
    const producer = await this.#producer;
    await producer.sendBatch({ acks: -1, compression: CompressionTypes.None, topicMessages });
  }

  async #connect(): Promise<Producer> {
    const producer = this.#kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      metadataMaxAge: 60_000,
    });
    await producer.connect();
    return producer;
  }

  #discard(error: unknown): void {
    const producer = this.#producer;
    this.#producer = undefined;
    void producer?.then((one) => one.disconnect()).catch(() => {});
    this.#onReplaced(error);
  }
}

const maxCalls = 1_000;

type Waiting = {
  readonly messages: readonly Placed[];
  resolve(): void;
  reject(error: unknown): void;
};

/** Splits messages into requests in which no partition has more than a batch, keeping each partition's order. */
function* rounds(messages: readonly Placed[]): Generator<Placed[]> {
  let rest = messages;
  while (rest.length > 0) {
    const filled = new Map<string, number>();
    const now: Placed[] = [];
    const later: Placed[] = [];
    for (const placed of rest) {
      const { message, partition } = placed;
      const id = `${message.topic}/${partition}`;
      const before = filled.get(id) ?? 0;
      const size = message.value.byteLength + message.key.length * 3 + overheadBytes;
      // A partition that is full stays full, so that a later small message does not overtake.
      const fits = before === 0 || before + size <= batchBytes;
      filled.set(id, fits ? before + size : Number.POSITIVE_INFINITY);
      (fits ? now : later).push(placed);
    }
    yield now;
    rest = later;
  }
}
