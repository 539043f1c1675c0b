import { setTimeout as delay } from "node:timers/promises";
import type { ReceivedMessage, SubscribeOptions } from "../message-log.ts";
import { within } from "../within.ts";
import type { GroupSession, OpenSession, SessionEvents } from "./group-session.ts";

const drainLimitMs = 10_000;
const leaveLimitMs = 5_000;
const rebuildDelayMs = 1_000;
const claimLimitMs = 1_000;

/** By partition: where the group goes on, and the offset after the last message. */
export type Standing = ReadonlyMap<number, { readonly committed: bigint; readonly end: bigint }>;

/** What a member needs beside its subscription. */
export type MemberParts = {
  readonly openSession: OpenSession;
  readonly readAhead: number;
  readonly stallMs: number;
  /** Rejects when no broker answers. */
  standing(group: string, topic: string): Promise<Standing>;
  onRebuilt(reason: string): void;
  onAssigned(partitions: number): void;
};

/**
 * One subscription: takes messages from a session beside the running handlers, runs one handler per partition, commits
 * what is finished. A rebalance leaves running handlers alone where their partition stays; a session that crashed or
 * stalls is replaced under them.
 */
export class GroupMember {
  readonly #options: SubscribeOptions;
  readonly #parts: MemberParts;
  readonly #partitions = new Map<number, Partition>();
  readonly #joined = Promise.withResolvers<void>();
  readonly #closing = new AbortController();
  readonly #handlers = new Set<Promise<void>>();
  #session: GroupSession | undefined;
  #sessionNumber = 0;
  /** Partitions in which work may start while the group is dealing; undefined when it is not. */
  #pinned: ReadonlySet<number> | undefined;
  #generation = -1;
  #turn = 0;
  #committing: Promise<void> | undefined;
  #heardAt = performance.now();

  constructor(options: SubscribeOptions, parts: MemberParts) {
    this.#options = options;
    this.#parts = parts;
    this.#connect();
    void this.#watch();
  }

  /** Resolves with the first share of partitions; a group that cannot be reached goes on being tried for. */
  async joined(patienceMs: number): Promise<void> {
    await within(patienceMs, this.#joined.promise);
  }

  async close(drain: boolean): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    if (drain) await within(drainLimitMs, Promise.all(this.#handlers));
    for (const partition of this.#partitions.values()) cutOff(partition);
    await within(leaveLimitMs, this.#commit());
    const session = this.#session;
    this.#session = undefined;
    this.#partitions.clear();
    await within(leaveLimitMs, session?.stop().catch(() => {}) ?? Promise.resolve());
  }

  #connect(): void {
    this.#sessionNumber += 1;
    const number = this.#sessionNumber;
    const current = (): boolean => this.#sessionNumber === number;
    const events: SessionEvents = {
      claim: () => this.#claim(),
      assigned: (partitions, generation) => {
        if (!current()) return;
        this.#generation = generation;
        this.#assign(partitions);
      },
      messages: (partition, messages) => current() && this.#take(partition, messages),
      heartbeat: () => {
        if (current()) this.#heardAt = performance.now();
      },
      failed: (reason) => current() && this.#rebuild(reason),
    };
    const { group, topic } = this.#options;
    const session = this.#parts.openSession({ group, topic }, events);
    this.#session = session;
    this.#heardAt = performance.now();
    session.start().catch((error: unknown) => events.failed(nameOf(error)));
  }

  /** Lets go of a session that is of no more use and joins again, with handlers still running. */
  #rebuild(reason: string): void {
    if (this.#closing.signal.aborted) return;
    this.#parts.onRebuilt(reason);
    void this.#session?.stop().catch(() => {});
    this.#session = undefined;
    this.#sessionNumber += 1;
    void delay(rebuildDelayMs, undefined, { signal: this.#closing.signal }).then(
      () => this.#connect(),
      () => {},
    );
  }

  async #claim(): ReturnType<SessionEvents["claim"]> {
    const busy = [...this.#partitions.values()].filter(({ running }) => running).map(({ number }) => number);
    this.#pinned = new Set(busy);
    await within(claimLimitMs, this.#commit());
    const owned = [...this.#partitions.keys()];
    return { generation: this.#generation, owned, busy, leaving: this.#closing.signal.aborted };
  }

  #assign(numbers: readonly number[]): void {
    for (const partition of this.#partitions.values()) {
      if (numbers.includes(partition.number)) continue;
      cutOff(partition);
      this.#partitions.delete(partition.number);
    }
    for (const number of numbers) {
      const kept = this.#partitions.get(number);
      if (kept) kept.paused = false;
      else this.#partitions.set(number, newPartition(number));
    }
    this.#pinned = undefined;
    this.#heardAt = performance.now();
    this.#parts.onAssigned(numbers.length);
    this.#joined.resolve();
    for (const { number, held } of this.#partitions.values()) if (held) this.#session?.pause(number);
    this.#feed();
    void this.#commit();
  }

  #take(number: number, messages: readonly ReceivedMessage[]): void {
    const partition = this.#partitions.get(number);
    const first = messages[0];
    if (!partition || !first) return;
    partition.behindSince = undefined;
    if (partition.committed !== undefined && first.offset < partition.committed) {
      // Before what the group has committed: the log was cut and begins anew.
      cutOff(partition);
      Object.assign(partition, newPartition(number));
    }
    for (const message of messages) {
      if (partition.next !== undefined && message.offset < partition.next) continue; // read again after a rebalance
      partition.ahead.push(message);
      partition.next = message.offset + 1n;
    }
    this.#throttle(partition);
    this.#feed();
  }

  /** Stops reading a partition that is far enough ahead, and goes on when half of that is done. */
  #throttle(partition: Partition): void {
    const { readAhead } = this.#parts;
    if (!partition.held && partition.ahead.length >= readAhead) {
      partition.held = true;
      this.#session?.pause(partition.number);
    } else if (partition.held && partition.ahead.length <= readAhead / 2) {
      partition.held = false;
      this.#session?.resume(partition.number);
    }
  }

  /** Starts handlers while there is room, taking partitions in turn. */
  #feed(): void {
    const limit = this.#options.maxInFlight ?? 1;
    const mine = [...this.#partitions.values()];
    for (let step = 0; step < mine.length; step += 1) {
      if (this.#closing.signal.aborted || this.#handlers.size >= limit) return;
      const partition = mine[(this.#turn + step) % mine.length]!;
      const message = partition.ahead[0];
      if (!message || partition.running || partition.paused) continue;
      if (this.#pinned && !this.#pinned.has(partition.number)) continue;
      this.#turn = (this.#turn + step + 1) % mine.length;
      this.#start(partition, message);
      step = -1;
    }
  }

  #start(partition: Partition, message: ReceivedMessage): void {
    const cut = new AbortController();
    partition.running = cut;
    const handled = this.#handle(message, cut.signal).then(
      () => this.#finish(partition, cut, message),
      (error: unknown) => this.#pause(partition, cut, error),
    );
    this.#handlers.add(handled);
    void handled.then(() => {
      this.#handlers.delete(handled);
      this.#feed();
    });
  }

  async #handle(message: ReceivedMessage, signal: AbortSignal): Promise<void> {
    await this.#options.handle(message, signal);
  }

  /** What a handler reports of a partition that it has lost no longer counts. */
  #finish(partition: Partition, cut: AbortController, message: ReceivedMessage): void {
    if (partition.running !== cut) return;
    partition.running = undefined;
    partition.ahead.shift();
    partition.done = message.offset + 1n;
    this.#throttle(partition);
    void this.#commit();
  }

  #pause(partition: Partition, cut: AbortController, error: unknown): void {
    if (partition.running !== cut) return;
    partition.running = undefined;
    partition.paused = true;
    this.#options.onPaused?.(partition.number, error);
  }

  /** Commits what is finished, one request at a time; what the group refuses is tried again after the next rebalance. */
  #commit(): Promise<void> {
    this.#committing ??= this.#commitAll().finally(() => {
      this.#committing = undefined;
    });
    return this.#committing;
  }

  async #commitAll(): Promise<void> {
    await Promise.resolve(); // handlers that end together are committed together
    for (;;) {
      const open = [...this.#partitions.values()].filter(({ done, committed }) => done !== committed);
      const session = this.#session;
      if (open.length === 0 || !session) return;
      const positions = open.map(({ number, done }) => ({ partition: number, offset: done! }));
      try {
        await session.commit(positions);
        for (const [at, partition] of open.entries()) partition.committed = positions[at]!.offset;
      } catch {
        await delay(commitRetryMs);
      }
    }
  }

  /** Replaces a session that neither hears from its group nor reads what is there, although brokers have answered for long. */
  async #watch(): Promise<void> {
    const { stallMs } = this.#parts;
    let answeringSince: number | undefined;
    while (await pause(stallMs / 6, this.#closing.signal)) {
      const session = this.#session;
      const { group, topic } = this.#options;
      const standing = await this.#parts.standing(group, topic).catch(() => undefined);
      const now = performance.now();
      answeringSince = standing ? (answeringSince ?? now) : undefined;
      if (!standing || answeringSince === undefined || !session || session !== this.#session) continue;
      if (now - Math.max(this.#heardAt, answeringSince) > stallMs) this.#rebuild("NO_HEARTBEAT");
      else if (this.#isBehind(standing)) this.#rebuild("NO_FETCH");
    }
  }

  /** Whether a partition has had something to read, and read nothing, for too long. */
  #isBehind(standing: Standing): boolean {
    const now = performance.now();
    let late = false;
    for (const partition of this.#partitions.values()) {
      const { committed = 0n, end = 0n } = standing.get(partition.number) ?? {};
      const waits = !partition.held && partition.ahead.length === 0 && end > (partition.next ?? committed);
      partition.behindSince = waits ? (partition.behindSince ?? now) : undefined;
      late ||= waits && now - partition.behindSince! > this.#parts.stallMs;
    }
    return late;
  }
}

const commitRetryMs = 200;

type Partition = {
  readonly number: number;
  /** Received and not finished; the head may be running. */
  ahead: ReceivedMessage[];
  /** Offset after the last received; undefined before the first. */
  next: bigint | undefined;
  /** Offset after the last finished. */
  done: bigint | undefined;
  committed: bigint | undefined;
  running: AbortController | undefined;
  /** A handler threw. */
  paused: boolean;
  /** Not fetched, because enough is ahead. */
  held: boolean;
  /** Since when the broker has had more and sent nothing; `performance.now()`. */
  behindSince: number | undefined;
};

const newPartition = (number: number): Partition => ({
  number,
  ahead: [],
  next: undefined,
  done: undefined,
  committed: undefined,
  running: undefined,
  paused: false,
  held: false,
  behindSince: undefined,
});

function cutOff(partition: Partition): void {
  partition.running?.abort();
  partition.running = undefined;
}

/** @returns false when it was cut short */
const pause = (ms: number, signal: AbortSignal): Promise<boolean> =>
  delay(ms, true, { signal, ref: false }).catch(() => false);

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : "UNKNOWN");
