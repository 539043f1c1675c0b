/** A value that a statement takes: jsonb takes a plain object, bytea a Uint8Array, int8 and numeric a bigint. */
export type SqlParam =
  | string
  | number
  | bigint
  | boolean
  | Date
  | Uint8Array
  | null
  | undefined
  | readonly SqlParam[]
  | { readonly [key: string]: unknown };

export type Row = Record<string, unknown>;

/** `rowCount`: rows returned, or changed by a statement that returns none. */
export type QueryResult<R extends Row> = { readonly rows: R[]; readonly rowCount: number };

export interface Queryable {
  /**
   * Runs one statement with `$1`-style parameters. Types that come back: int8 (so `count(*)` too) as bigint, numeric as
   * decimal string, bytea as Buffer, timestamptz as Date, jsonb parsed.
   */
  query<R extends Row = Row>(sql: string, params?: readonly SqlParam[]): Promise<QueryResult<R>>;
}

/** An open transaction. It is dead after `inTransaction` has returned. */
export interface Tx extends Queryable {
  readonly schema: string;
  /** Wakes `listen`ers of `channel` once, after the commit; nothing if the transaction rolls back. */
  notify(channel: string): void;
}

/** One service's schema in the store. Unqualified table names resolve in it. */
export interface Db extends Queryable {
  readonly schema: string;
  /**
   * Runs `work` in one transaction: commits when it resolves, rolls back when it throws. Keep it short and free of
   * network calls: the embedded store runs one transaction at a time. A `db.query` or a second `inTransaction` inside
   * `work` is a bug (it would wait for itself) and throws; use `tx`.
   *
   * Transactions run beside each other (READ COMMITTED) on a server: what `work` reads may change before it writes,
   * unless it locked the row. When two lock each other out, one of them is run again, up to four times: `work` has no
   * effect but through `tx`.
   * @throws StoreError `STORE_UNAVAILABLE`, `STORE_UNTRUSTED`, `STORE_IN_DOUBT`, `STORE_BUSY`, `STORE_TIMEOUT`, `STORE_CONFLICT`: the caller
   *   may do it again
   */
  inTransaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /**
   * Creates the schema and brings it to the last step; repeating it changes nothing. A store whose migrations are run by
   * a command only checks that this was done.
   * @throws StoreError `SCHEMA_OLDER`, `SCHEMA_NEWER`, `MIGRATION_CHANGED`
   */
  migrate(migrations: Migrations): Promise<void>;
  /**
   * Calls `listener` after each commit that notified `channel`: at once for commits of this process, soon for those of
   * others, and now and then without one while other processes cannot be heard. Returns how to stop.
   */
  listen(channel: string, listener: () => void): () => void;
  /**
   * Takes a lock of this schema by name, for one holder among all processes, or answers undefined at once when somebody
   * has it. It keeps two from doing the same work; it is no fence, because a holder learns of its loss only afterwards.
   */
  tryLock(name: string): Promise<StoreLock | undefined>;
}

/** A lock that this process has until it releases it, or loses it with its connection: then `lost` aborts. */
export type StoreLock = { readonly lost: AbortSignal; release(): Promise<void> };

/** A database. Services share it and never each other's schema. */
export interface Store {
  schema(name: string): Db;
  /** Resolves when the database answers. @throws StoreError when it does not */
  ping(): Promise<void>;
  /** Waits for the running transactions. Closing twice is closing once. */
  close(): Promise<void>;
}

/** Forward-only: a step that has run never changes and never goes. */
export type Migrations = { readonly schema: string; readonly steps: readonly MigrationStep[] };
export type MigrationStep = {
  readonly id: string;
  readonly sql: string;
  /** Processes of the release before this step go on working after it, so it may run while they do. */
  readonly compatible?: boolean;
};

/** The store is unusable, or is being used wrongly. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;
  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(`${code}: ${message}`, options);
    this.name = "StoreError";
    this.code = code;
  }
}

export type StoreErrorCode =
  /** Another process, or another store in this one, has the data folder open. */
  | "STORE_LOCKED"
  /** A statement outside the running transaction was sent from inside it. */
  | "STORE_NESTED"
  /** A migration step that has run is another than the one given at its place. */
  | "MIGRATION_CHANGED"
  /** The schema lacks steps that this process needs; run the migrations. */
  | "SCHEMA_OLDER"
  /** Steps have run that this process does not know and that do not say they are compatible with it. */
  | "SCHEMA_NEWER"
  /** The database cannot be reached, or was lost before the commit: nothing of the transaction stands. */
  | "STORE_UNAVAILABLE"
  /** The database was lost while it committed: all of the transaction stands, or nothing. */
  | "STORE_IN_DOUBT"
  /** The server's certificate is not to be believed, or the server did not believe ours, or it speaks no TLS. */
  | "STORE_UNTRUSTED"
  /** Every connection of the pool was busy for as long as one may wait. */
  | "STORE_BUSY"
  /** A statement took longer than it may; nothing of the transaction stands. */
  | "STORE_TIMEOUT"
  /** Transactions locked each other out time and again; nothing of this one stands. */
  | "STORE_CONFLICT"
  /** `work` swallowed an SQL error and went on: Postgres had given the transaction up. */
  | "STORE_ROLLED_BACK"
  /** The database ended; open the store again. */
  | "STORE_LOST";
