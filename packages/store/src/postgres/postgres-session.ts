import { randomUUID } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type pg from "pg";
import { StoreError, type StoreLock } from "../db.ts";
import type { StoreSession } from "../store-session.ts";

const wakeChannel = "cos_wake";
/** A connection that leads nowhere is noticed after this long, give or take the time a query may take. */
const heartbeatMs = 5_000;
const longestPauseMs = 5_000;
/** While others can be heard, listeners are called only every so many polls: for a commit whose process died over it. */
const pollsWhenUp = 5;
/** Postgres takes less than 8,000 bytes in one notification. */
const topicsPerNotification = 60;

/**
 * The session of a store on a server: one connection of its own, that hears the wake-ups of other processes (LISTEN) and
 * holds this process's locks (session-level advisory locks). A wake-up is sent beside the transaction that it tells of,
 * after its commit, because NOTIFY inside of transactions makes all of them commit one after the other; one that gets
 * lost is made up for by polling. Opened at first use; opened again, and every listener called, after a loss.
 */
export function postgresSession(options: {
  connect(): pg.Client;
  /** Listeners are called this often while there is no connection, and every fifth time while there is. */
  readonly pollMs: number;
  /** Taking a lock waits for the connection this long. */
  readonly connectTimeoutMs: number;
  onState?(state: "up" | "down"): void;
}): StoreSession {
  return new PostgresSession(options);
}

type SessionOptions = Parameters<typeof postgresSession>[0];

class PostgresSession implements StoreSession {
  readonly #options: SessionOptions;
  readonly #signals = new EventEmitter().setMaxListeners(0);
  readonly #states = new EventEmitter().setMaxListeners(0);
  readonly #me = randomUUID();
  readonly #unsent = new Set<string>();
  readonly #locks = new Map<string, AbortController>();
  readonly #closing = new AbortController();
  #client: pg.Client | undefined;
  #running: Promise<void> | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  listen(topic: string, listener: () => void): () => void {
    this.#start();
    this.#signals.on(topic, listener);
    return () => this.#signals.off(topic, listener);
  }

  announce(topics: readonly string[]): void {
    for (const topic of topics) this.#signals.emit(topic);
    if (topics.length === 0 || this.#closing.signal.aborted) return;
    this.#start();
    if (this.#unsent.size === 0) setImmediate(() => this.#send());
    for (const topic of topics) this.#unsent.add(topic);
  }

  async tryLock(name: string): Promise<StoreLock | undefined> {
    const client = await this.#connected();
    if (this.#locks.has(name)) return undefined; // Postgres would let its own session take it a second time.
    const held = new AbortController();
    this.#locks.set(name, held);
    const free = (): void => {
      if (this.#locks.get(name) === held) this.#locks.delete(name);
    };
    const ask = (question: string) =>
      this.#ask(client, `SELECT ${question}(hashtextextended($1, 0)) AS yes`, [`cos.lock.${name}`]);
    let answer: pg.QueryResult<{ yes: boolean }>;
    try {
      answer = await ask("pg_try_advisory_lock");
    } catch (cause) {
      free();
      this.#drop(client);
      throw new StoreError("STORE_UNAVAILABLE", "the connection that holds locks was lost", { cause });
    }
    if (answer.rows[0]?.yes !== true) {
      free();
      return undefined;
    }
    const release = async (): Promise<void> => {
      if (this.#locks.get(name) !== held) return; // released before, or lost with its connection
      await ask("pg_advisory_unlock").catch(() => this.#drop(client));
      free();
    };
    return { lost: held.signal, release };
  }

  async close(): Promise<void> {
    this.#send();
    this.#closing.abort();
    await this.#running;
  }

  #start(): void {
    if (this.#closing.signal.aborted) return;
    this.#running ??= this.#run();
  }

  async #connected(): Promise<pg.Client> {
    this.#start();
    const signal = AbortSignal.any([
      AbortSignal.timeout(this.#options.connectTimeoutMs),
      this.#closing.signal,
    ]);
    if (this.#client === undefined) await once(this.#states, "up", { signal }).catch(() => {});
    if (this.#client !== undefined) return this.#client;
    throw new StoreError("STORE_UNAVAILABLE", "no connection to hold a lock with");
  }

  async #run(): Promise<void> {
    const closing = this.#closing.signal;
    let polls = 0;
    const poll = setInterval(() => {
      polls += 1;
      if (this.#client === undefined || polls % pollsWhenUp === 0) this.#wakeAll();
    }, this.#options.pollMs);
    for (let failures = 0; !closing.aborted; failures += 1) {
      const client = this.#options.connect();
      client.on("error", () => {}); // `end` follows
      const ended = new Promise<void>((resolve) => client.once("end", () => resolve()));
      try {
        await client.connect();
        client.on("notification", ({ payload }) => this.#heard(payload ?? ""));
        await client.query(`LISTEN ${wakeChannel}`);
        failures = 0;
        this.#use(client);
        await this.#beat(client, ended);
      } catch {
        // The pause below, then another connection.
      }
      if (this.#client === client) this.#options.onState?.("down");
      this.#drop(client);
      const pauseMs = Math.min(longestPauseMs, 50 * 2 ** failures) * (0.5 + Math.random() / 2);
      await delay(pauseMs, undefined, { signal: closing }).catch(() => {});
    }
    clearInterval(poll);
  }

  #use(client: pg.Client): void {
    this.#client = client;
    this.#states.emit("up");
    this.#options.onState?.("up");
    this.#send();
    this.#wakeAll(); // what happened while nobody listened
  }

  /** Asks now and then whether the connection still leads anywhere; resolves when it has ended. */
  async #beat(client: pg.Client, ended: Promise<unknown>): Promise<void> {
    const gone = new AbortController();
    const closing = this.#closing.signal;
    void ended.finally(() => gone.abort());
    const stop = AbortSignal.any([gone.signal, closing]);
    while (!stop.aborted) {
      await delay(heartbeatMs, undefined, { signal: stop, ref: false }).catch(() => {});
      if (!stop.aborted) await this.#ask(client, "SELECT 1");
    }
  }

  /** Ends a connection, and every lock with it: the server lets them go when it notices. */
  #drop(client: pg.Client): void {
    if (this.#client === client) {
      this.#client = undefined;
      const locks = [...this.#locks.values()];
      this.#locks.clear();
      for (const lock of locks) lock.abort();
    }
    void client.end().catch(() => {});
  }

  #send(): void {
    const client = this.#client;
    if (client === undefined) return; // when it is there again
    const topics = [...this.#unsent];
    this.#unsent.clear();
    for (let at = 0; at < topics.length; at += topicsPerNotification) {
      const some = topics.slice(at, at + topicsPerNotification);
      const payload = JSON.stringify([this.#me, ...some]);
      this.#ask(client, "SELECT pg_notify($1, $2)", [wakeChannel, payload]).catch(() => {
        for (const topic of some) this.#unsent.add(topic);
      });
    }
  }

  /** One statement after the other, as a connection takes them. */
  #ask(client: pg.Client, sql: string, params: string[] = []): Promise<pg.QueryResult> {
    const answer = this.#last.then(() => client.query(sql, params));
    this.#last = answer.then(
      () => {},
      () => {},
    );
    return answer;
  }

  #heard(payload: string): void {
    const [from, ...topics] = JSON.parse(payload) as string[];
    if (from === this.#me) return;
    for (const topic of topics) this.#signals.emit(topic);
  }

  #wakeAll(): void {
    for (const topic of this.#signals.eventNames()) this.#signals.emit(topic);
  }
}
