import { setTimeout as delay } from "node:timers/promises";
import type { ConnectionPool, Consumer, RecordsBatch } from "@platformatic/kafka";
import type { ReceivedMessage } from "../message-log.ts";
import { codeOf } from "./error-codes.ts";
import { fromKafkaHeaders } from "./message-headers.ts";

const waitMs = 500;
const failureDelayMs = 250;
const partitionBytes = 1 << 20;
const requestBytes = 16 << 20;
/** A record batch of a transaction's begin or end; carries no message. */
const isControl = 0b10_0000;

const always = (): true => true;
const never = (): false => false;

type FetchResponse = Awaited<ReturnType<Consumer["fetch"]>>;
type Deliver = (partition: number, messages: readonly ReceivedMessage[]) => void;

/** Reads a member's partitions from their leaders, one request per broker at a time. */
export class PartitionReader {
  readonly #consumer: Consumer;
  readonly #topic: string;
  readonly #deliver: Deliver;
  /** Its own: a broker answers one connection's requests in turn, and heartbeats must not wait behind a fetch. */
  readonly #connections: ConnectionPool;
  /** Next offset by partition; undefined until the group's committed offset is known. */
  readonly #next = new Map<number, bigint | undefined>();
  readonly #paused = new Set<number>();
  readonly #stopping = new AbortController();
  readonly #requests = new Map<number, Promise<void>>();
  #wake = Promise.withResolvers<void>();
  #loop: Promise<void> | undefined;

  constructor(consumer: Consumer, connections: ConnectionPool, topic: string, deliver: Deliver) {
    this.#connections = connections;
    this.#consumer = consumer;
    this.#topic = topic;
    this.#deliver = deliver;
  }

  /** Partitions that stay are read on from where they are. */
  assign(partitions: readonly number[]): void {
    for (const partition of this.#next.keys()) {
      if (partitions.includes(partition)) continue;
      this.#next.delete(partition);
      this.#paused.delete(partition);
    }
    for (const partition of partitions) {
      if (!this.#next.has(partition)) this.#next.set(partition, undefined);
    }
    this.#loop ??= this.#run();
    this.#wake.resolve();
  }

  pause(partition: number): void {
    this.#paused.add(partition);
  }

  resume(partition: number): void {
    this.#paused.delete(partition);
    this.#wake.resolve();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake.resolve();
    await this.#connections.close().catch(() => {});
    await this.#loop;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#wake = Promise.withResolvers();
      // A group's coordinator that is away must not stop the reading of what is known.
      const started = await this.#findStarts().then(always, never);
      const requested = await this.#request().catch(never);
      if (started && requested) {
        await this.#wake.promise;
      } else {
        this.#consumer.clearMetadata();
        await this.#pauseAfterFailure();
      }
    }
  }

  /** Asks where the group goes on in partitions that are new; one without a committed offset begins at its beginning. */
  async #findStarts(): Promise<void> {
    const topic = this.#topic;
    const partitions = [...this.#next]
      .filter(([, next]) => next === undefined)
      .map(([partition]) => partition);
    if (partitions.length === 0) return;
    const committed = (await this.#consumer.listCommittedOffsets({ topics: [{ topic, partitions }] })).get(
      topic,
    );
    for (const partition of partitions) {
      const offset = committed?.[partition] ?? -1n;
      const start = offset >= 0n ? offset : await this.#beginning(partition);
      if (this.#next.has(partition)) this.#next.set(partition, start);
    }
  }

  async #beginning(partition: number): Promise<bigint> {
    const topic = this.#topic;
    const offsets = await this.#consumer.listOffsets({
      topics: [topic],
      partitions: { [topic]: [partition] },
      timestamp: -2n, // the earliest
    });
    return offsets.get(topic)?.[partition] ?? 0n;
  }

  /**
   * Starts a request to each broker that leads something wanted and has none running.
   * @returns whether everything wanted has a leader
   */
  async #request(): Promise<boolean> {
    const metadata = await this.#consumer.metadata({ topics: [this.#topic] });
    const topic = metadata.topics.get(this.#topic);
    if (!topic) throw new Error("the topic's metadata is missing");
    const wanted = new Map<number, Map<number, bigint>>();
    let complete = true;
    for (const [partition, next] of this.#next) {
      const leader = topic.partitions[partition]?.leader ?? -1;
      if (next === undefined || this.#paused.has(partition)) continue;
      complete &&= metadata.brokers.has(leader);
      wanted.set(leader, (wanted.get(leader) ?? new Map<number, bigint>()).set(partition, next));
    }
    for (const [node, offsets] of wanted) {
      if (this.#requests.has(node) || !metadata.brokers.has(node)) continue;
      const request = this.#fetch(node, topic.id, offsets).finally(() => {
        this.#requests.delete(node);
        this.#wake.resolve();
      });
      this.#requests.set(node, request);
    }
    return complete;
  }

  async #fetch(node: number, topicId: string, offsets: ReadonlyMap<number, bigint>): Promise<void> {
    const partitions = [...offsets].map(([partition, fetchOffset]) => ({
      partition,
      currentLeaderEpoch: -1,
      fetchOffset,
      lastFetchedEpoch: -1,
      partitionMaxBytes: partitionBytes,
    }));
    try {
      const topics = [{ topicId, partitions }];
      const limits = { maxWaitTime: waitMs, minBytes: 1, maxBytes: requestBytes };
      const fetched = this.#consumer.fetch({ node, topics, ...limits, connectionPool: this.#connections });
      this.#take(await fetched, offsets);
    } catch (error) {
      if (codeOf(error) === "OFFSET_OUT_OF_RANGE") await this.#startOver(offsets);
      this.#consumer.clearMetadata();
      await this.#pauseAfterFailure();
    }
  }

  /** Messages between the committed offset and what is left are gone, by retention or because the log was cut. */
  async #startOver(offsets: ReadonlyMap<number, bigint>): Promise<void> {
    for (const [partition, from] of offsets) {
      const first = await this.#beginning(partition).catch(() => undefined);
      const end = await this.#end(partition).catch(() => undefined);
      if (first === undefined || end === undefined || (from >= first && from <= end)) continue;
      if (this.#next.get(partition) === from) this.#next.set(partition, first);
    }
  }

  async #end(partition: number): Promise<bigint | undefined> {
    const topic = this.#topic;
    const offsets = await this.#consumer.listOffsets({
      topics: [topic],
      partitions: { [topic]: [partition] },
    });
    return offsets.get(topic)?.[partition];
  }

  #take(response: FetchResponse, offsets: ReadonlyMap<number, bigint>): void {
    for (const { partitions } of response.responses) {
      for (const { partitionIndex, records } of partitions) {
        const from = offsets.get(partitionIndex);
        // Given away, or paused and sought anew, since the request: not ours to take.
        if (from === undefined || this.#next.get(partitionIndex) !== from || !records) continue;
        const messages = records.flatMap((batch) => this.#messagesOf(partitionIndex, batch, from));
        const last = records.at(-1);
        if (!last) continue;
        const next = last.firstOffset + BigInt(last.lastOffsetDelta) + 1n;
        if (next > from) this.#next.set(partitionIndex, next);
        if (messages.length > 0) this.#deliver(partitionIndex, messages);
      }
    }
  }

  /** A batch may begin before the offset that was asked for. */
  #messagesOf(partition: number, batch: RecordsBatch, from: bigint): ReceivedMessage[] {
    const topic = this.#topic;
    if (batch.attributes & isControl) return [];
    return batch.records.flatMap(({ key, value, headers, offsetDelta }) => {
      const offset = batch.firstOffset + BigInt(offsetDelta);
      if (offset < from) return [];
      const read = (name: string): string | undefined =>
        headers.find(([header]) => header?.toString() === name)?.[1]?.toString();
      return [
        {
          topic,
          key: key?.toString() ?? "",
          value: value ?? new Uint8Array(),
          headers: fromKafkaHeaders(read, `${topic}/${partition}/${offset}`),
          partition,
          offset,
        },
      ];
    });
  }

  async #pauseAfterFailure(): Promise<void> {
    await delay(failureDelayMs, undefined, { signal: this.#stopping.signal }).catch(() => {});
  }
}
