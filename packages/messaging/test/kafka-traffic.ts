import type { OutgoingMessage } from "@cos/store";
import type { MessageLog, ReceivedMessage } from "../src/index.ts";

/** Numbered messages of several keys, and what consumers saw of them. */
export class KafkaTraffic {
  readonly #topic: string;
  readonly #keys: readonly string[];
  /** Numbers by key in the order in which they were first seen. */
  readonly #firstSeen = new Map<string, number[]>();
  readonly #ids = new Set<string>();
  #sent = 0;
  #repeats = 0;

  constructor(topic: string, keys = 8) {
    this.#topic = topic;
    this.#keys = Array.from({ length: keys }, (_, at) => `key-${at}`);
  }

  get sent(): number {
    return this.#sent;
  }
  get seen(): number {
    return this.#ids.size;
  }
  /** Deliveries beyond the first. */
  get repeats(): number {
    return this.#repeats;
  }

  /** One message per key at a time, each awaited, so that a key's order is the order of its numbers. */
  async sendUntil(log: MessageLog, finished: () => boolean): Promise<void> {
    for (let number = 0; !finished(); number += 1) {
      await log.publish(this.#keys.map((key) => this.#message(key, number)));
      this.#sent += this.#keys.length;
    }
  }

  readonly see = async ({ key, headers, value }: ReceivedMessage): Promise<void> => {
    if (this.#ids.has(headers.messageId)) {
      this.#repeats += 1;
      return;
    }
    this.#ids.add(headers.messageId);
    const numbers = this.#firstSeen.get(key) ?? [];
    this.#firstSeen.set(key, numbers);
    numbers.push(Number(Buffer.from(value).toString()));
  };

  /** Keys whose numbers were not first seen as 0, 1, 2, ... */
  outOfOrder(): string[] {
    return [...this.#firstSeen]
      .filter(([, numbers]) => numbers.some((number, at) => number !== at))
      .map(([key]) => key);
  }

  #message(key: string, number: number): OutgoingMessage {
    return {
      topic: this.#topic,
      key,
      value: Buffer.from(String(number)),
      headers: { messageId: `${key}/${number}`, producer: "traffic", mode: "live" },
    };
  }
}
