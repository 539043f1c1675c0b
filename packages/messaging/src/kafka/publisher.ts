import type { OutgoingMessage } from "@cos/store";
import { ProduceAcks, Producer } from "@platformatic/kafka";
import { bearErrors, clientOptions } from "./client-options.ts";
import type { KafkaOptions } from "./kafka-options.ts";
import { toKafkaHeaders } from "./message-headers.ts";

/** A message with its place. */
export type Placed = { readonly message: OutgoingMessage; readonly partition: number };

/** What one record batch may hold; brokers refuse more than 1 MiB by default. */
const batchBytes = 900 * 1024;
const overheadBytes = 200;
const maxCalls = 1_000;

/**
 * Sends messages through an idempotent producer, one request at a time: what is waiting meanwhile goes with the next. A
 * producer whose request failed is never used again, because its sequence numbers would make brokers take the next
 * messages for the ones whose fate is unknown.
 */
export class KafkaPublisher {
  readonly #options: KafkaOptions;
  readonly #onReplaced: (error: unknown) => void;
  #producer: ReturnType<typeof openProducer> | undefined;
  #waiting: Waiting[] = [];
  #sending: Promise<void> | undefined;

  constructor(options: KafkaOptions, onReplaced: (error: unknown) => void) {
    this.#options = options;
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
    await this.#producer?.close().catch(() => {});
  }

  async #sendAll(): Promise<void> {
    await Promise.resolve(); // calls of one turn go together
    while (this.#waiting.length > 0) {
      const calls = this.#waiting.splice(0, maxCalls);
      try {
        for (const round of rounds(calls.flatMap(({ messages }) => messages))) await this.#request(round);
        for (const { resolve } of calls) resolve();
      } catch (error) {
        void this.#producer?.close().catch(() => {});
        this.#producer = undefined;
        this.#onReplaced(error);
        for (const { reject } of calls) reject(error);
      }
    }
  }

  async #request(placed: readonly Placed[]): Promise<void> {
    this.#producer ??= openProducer(this.#options);
    await this.#producer.send({
      messages: placed.map(({ message: { topic, key, value, headers }, partition }) => ({
        topic,
        partition,
        key,
        value: Buffer.from(value.buffer, value.byteOffset, value.byteLength),
        headers: toKafkaHeaders(headers),
      })),
    });
  }
}

const toBytes = (text?: string): Buffer => Buffer.from(text ?? "");

function openProducer(options: KafkaOptions) {
  const producer = new Producer<string, Buffer, string, string>({
    ...clientOptions(options),
    idempotent: true,
    acks: ProduceAcks.ALL,
    serializers: {
      key: toBytes,
      headerKey: toBytes,
      headerValue: toBytes,
      value: (bytes) => bytes ?? Buffer.alloc(0),
    },
  });
  bearErrors(producer.connections);
  return producer;
}

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
