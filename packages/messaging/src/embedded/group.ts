import type { ReceivedMessage, SubscribeOptions, Subscription } from "../message-log.ts";
import { within } from "../within.ts";
import type { LogStore, Position } from "./log-store.ts";

/** Messages read ahead per partition: bounds memory, and one read serves several deliveries. */
const readAhead = 32;

/** How long a leaving member may take over its running handlers; a handler that retries for ever must not stop a shutdown. */
const drainLimitMs = 10_000;

/**
 * One consumer group on one topic: members of this process share its partitions. A partition belongs to one member at a
 * time and runs one handler at a time; it changes hands between messages, or at once when its member is cut off.
 */
export class Group {
  readonly #store: LogStore;
  readonly #group: string;
  readonly #topic: string;
  readonly #partitions: Partition[];
  readonly #endOf: (partition: number) => bigint;
  readonly #deliveries: number;
  readonly #uncommitted = new Set<Partition>();
  #members: Member[] = [];
  #reading = false;
  #committing: Promise<void> | undefined;

  constructor(options: {
    readonly store: LogStore;
    readonly group: string;
    readonly topic: string;
    readonly partitions: number;
    readonly offsets: ReadonlyMap<number, bigint>;
    /** How often each message is handed over; 2 tests that nothing counts twice. */
    readonly deliveries: number;
    endOf(partition: number): bigint;
  }) {
    this.#store = options.store;
    this.#group = options.group;
    this.#topic = options.topic;
    this.#deliveries = options.deliveries;
    this.#endOf = options.endOf;
    this.#partitions = Array.from({ length: options.partitions }, (_, number) => ({
      number,
      next: options.offsets.get(number) ?? 0n,
      ahead: [],
      running: undefined,
      owner: undefined,
      paused: false,
    }));
  }

  join(options: SubscribeOptions): Subscription {
    const member: Member = { options, running: new Set(), turn: 0 };
    this.#members.push(member);
    this.#rebalance();
    return { close: ({ drain = true } = {}) => this.#leave(member, drain) };
  }

  /** Something was published, or somebody can take more. */
  wake(): void {
    for (const member of this.#members) this.#feed(member);
    void this.#readAhead();
  }

  /** Ends all memberships and writes the last offsets. */
  async close(): Promise<void> {
    await Promise.all(this.#members.map((member) => this.#leave(member, true)));
  }

  #rebalance(): void {
    for (const partition of this.#partitions) {
      partition.owner = this.#members[partition.number % Math.max(1, this.#members.length)];
      partition.paused = false;
    }
    this.wake();
  }

  async #leave(member: Member, drain: boolean): Promise<void> {
    this.#members = this.#members.filter((one) => one !== member);
    if (!drain) this.#cutOff(member);
    this.#rebalance();
    if (drain) {
      await within(drainLimitMs, Promise.all(member.running));
      this.#cutOff(member);
      this.wake();
    }
    await this.#commit();
  }

  /** Takes the messages that a member has not finished away from it. */
  #cutOff(member: Member): void {
    for (const partition of this.#partitions) {
      if (partition.running?.member !== member) continue;
      partition.running.cut.abort();
      partition.running = undefined;
    }
  }

  /** Starts handlers while the member has room, taking its partitions in turn. */
  #feed(member: Member): void {
    const mine = this.#partitions.filter((one) => one.owner === member);
    for (let step = 0; step < mine.length; step += 1) {
      if (member.running.size >= (member.options.maxInFlight ?? 1)) return;
      const partition = mine[(member.turn + step) % mine.length]!;
      const message = partition.ahead[0];
      if (!message || partition.running || partition.paused) continue;
      member.turn = (member.turn + step + 1) % mine.length;
      this.#start(member, partition, message);
      step = -1;
    }
  }

  #start(member: Member, partition: Partition, message: ReceivedMessage): void {
    const running = { member, cut: new AbortController() };
    partition.running = running;
    const handled = this.#deliver(member, message, running.cut.signal).then(
      () => this.#finish(partition, running, message.offset + 1n),
      (error: unknown) => this.#pause(partition, running, error),
    );
    member.running.add(handled);
    void handled.then(() => {
      member.running.delete(handled);
      this.wake();
    });
  }

  async #deliver(member: Member, message: ReceivedMessage, signal: AbortSignal): Promise<void> {
    for (let time = 0; time < this.#deliveries && !signal.aborted; time += 1) {
      await member.options.handle(message, signal);
    }
  }

  /** A member that was cut off while it worked has lost the message: what it reports no longer counts. */
  #finish(partition: Partition, running: Running, next: bigint): void {
    if (partition.running !== running) return;
    partition.running = undefined;
    partition.ahead.shift();
    partition.next = next;
    this.#uncommitted.add(partition);
    void this.#commit().catch(() => {}); // an offset not written is a redelivery later, which consumers bear
  }

  #pause(partition: Partition, running: Running, error: unknown): void {
    if (partition.running !== running) return;
    partition.running = undefined;
    partition.paused = true;
    running.member.options.onPaused?.(partition.number, error);
  }

  /** Writes offsets; while one write runs, those that come in wait for the next. */
  async #commit(): Promise<void> {
    while (this.#committing) await this.#committing;
    if (this.#uncommitted.size === 0) return;
    const positions = [...this.#uncommitted].map(({ number, next }) => ({ partition: number, offset: next }));
    this.#uncommitted.clear();
    this.#committing = this.#store.commit(this.#group, this.#topic, positions).finally(() => {
      this.#committing = undefined;
    });
    await this.#committing;
  }

  /** Fills empty partitions that have something to read; one read at a time. */
  async #readAhead(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    try {
      for (let wanted = this.#wanted(); wanted.length > 0; wanted = this.#wanted()) {
        const messages = await this.#store.read(this.#topic, wanted, readAhead);
        for (const message of messages) this.#partitions[message.partition]!.ahead.push(message);
        for (const member of this.#members) this.#feed(member);
      }
    } catch {
      setTimeout(() => this.wake(), 1_000).unref(); // the store is unwell; its own callers report it
    } finally {
      this.#reading = false;
    }
  }

  #wanted(): Position[] {
    return this.#partitions
      .filter(({ owner, paused, ahead, number, next }) => {
        return owner && !paused && ahead.length === 0 && next < this.#endOf(number);
      })
      .map(({ number, next }) => ({ partition: number, offset: next }));
  }
}

type Partition = {
  readonly number: number;
  /** Offset of the first message that is not finished. */
  next: bigint;
  /** Read and not finished; the head may be running. */
  ahead: ReceivedMessage[];
  running: Running | undefined;
  owner: Member | undefined;
  paused: boolean;
};
type Running = { readonly member: Member; readonly cut: AbortController };
type Member = { readonly options: SubscribeOptions; readonly running: Set<Promise<void>>; turn: number };
