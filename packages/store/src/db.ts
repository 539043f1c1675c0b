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
  /** Wakes this process's `listen`ers of `channel` once, after the commit; nothing if the transaction rolls back. */
  notify(channel: string): void;
}

/** One service's schema in the store. Unqualified table names resolve in it. */
export interface Db extends Queryable {
  readonly schema: string;
  /**
   * Runs `work` in one transaction: commits when it resolves, rolls back when it throws. Keep it short and free of
   * network calls: the embedded store runs one transaction at a time. A `db.query` or a second `inTransaction` inside
   * `work` is a bug (it would wait for itself) and throws; use `tx`.
   */
  inTransaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Creates the schema and brings it to the last step. Repeating it changes nothing. */
  migrate(migrations: Migrations): Promise<void>;
  /** Calls `listener` after each commit in this process that notified `channel`. Returns how to stop. */
  listen(channel: string, listener: () => void): () => void;
}

/** A database. Services share it and never each other's schema. */
export interface Store {
  schema(name: string): Db;
  /** Waits for the running transactions. Closing twice is closing once. */
  close(): Promise<void>;
}

/** Forward-only: a step that has run never changes and never goes. */
export type Migrations = { readonly schema: string; readonly steps: readonly MigrationStep[] };
export type MigrationStep = { readonly id: string; readonly sql: string };

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
  /** A migration step that has run differs from the one given, or is missing from those given. */
  | "MIGRATION_CHANGED"
  /** The database ended; open the store again. */
  | "STORE_LOST";
