import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import type { Db, Migrations, QueryResult, Row, SqlParam, Store, StoreLock, Tx } from "./db.ts";
import { StoreError } from "./db.ts";
import { checkMigrated, migrate } from "./migrate.ts";
import { isConflict, isConnectionLoss, toStoreFailure } from "./store-failure.ts";
import { localSession, type StoreSession } from "./store-session.ts";

export type PoolStoreOptions = {
  readonly session?: StoreSession;
  /** `run`: `migrate` brings a schema to the last step. `check`: it refuses a schema that is not there. */
  readonly migrations?: "run" | "check";
};

/** A store over any pool of Postgres connections: the embedded one, or a server's. Closing it ends the pool. */
export function storeOnPool(pool: pg.Pool, options: PoolStoreOptions = {}): Store {
  const { session = localSession(), migrations = "run" } = options;
  // A connection that breaks while it is lent tells its borrower at the next statement; nobody else needs to know.
  pool.on("connect", (client) => client.on("error", () => {}));
  const dbs = new Map<string, Db>();
  const schema = (name: string): Db => {
    if (!/^[a-z][a-z0-9_]{0,30}$/.test(name)) throw new TypeError(`bad schema name: ${name}`);
    const db = dbs.get(name) ?? new SchemaDb(pool, name, session, migrations);
    dbs.set(name, db);
    return db;
  };
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await session.close();
    await pool.end();
  };
  return {
    schema,
    ping: async () => {
      await pool.query("SELECT 1").catch((error) => {
        throw poolFailure(pool, error);
      });
    },
    close: () => {
      closed ??= close();
      return closed;
    },
  };
}

/** int8 as bigint; everything else as pg reads it (numeric stays a string, so no digit is lost). */
export const postgresTypes: pg.CustomTypesConfig = {
  getTypeParser: ((id: number, format?: "text" | "binary") => {
    if (id === pg.types.builtins.INT8 && format !== "binary") return BigInt;
    return pg.types.getTypeParser(id, format as "text");
  }) as typeof pg.types.getTypeParser,
};

/** The transaction that the running code is inside of, so that a statement beside it can be refused. */
const current = new AsyncLocalStorage<{ open: boolean }>();

/** Which schema each connection's search_path names; it is changed only when another schema takes the connection. */
const searchPaths = new WeakMap<pg.PoolClient, string>();

/** Runs of one transaction that others lock out, and connections tried for one that are all found broken. */
const attempts = 5;

/** A broken connection shows itself at once; one that only times out would do so again. */
const brokenWithinMs = 1_000;

class SchemaDb implements Db {
  readonly schema: string;
  readonly #pool: pg.Pool;
  readonly #session: StoreSession;
  readonly #migrations: "run" | "check";

  constructor(pool: pg.Pool, schema: string, session: StoreSession, migrations: "run" | "check") {
    this.#pool = pool;
    this.schema = schema;
    this.#session = session;
    this.#migrations = migrations;
  }

  async query<R extends Row = Row>(sql: string, params: readonly SqlParam[] = []): Promise<QueryResult<R>> {
    const lent = await this.#lend();
    try {
      return await run<R>(lent, sql, params);
    } finally {
      lent.client.release(lent.broken);
    }
  }

  async inTransaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#oneTransaction(work);
      } catch (error) {
        if (!isConflict(error)) throw error;
        if (attempt === attempts) {
          throw new StoreError("STORE_CONFLICT", `given up after ${attempts} runs`, { cause: error });
        }
        await delay(Math.random() * 10 * 2 ** attempt);
      }
    }
  }

  async #oneTransaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    const lent = await this.#lend("BEGIN");
    const scope = { open: true };
    const channels = new Set<string>();
    const tx: Tx = {
      schema: this.schema,
      query: (sql, params = []) => {
        if (!scope.open) throw new StoreError("STORE_NESTED", "this transaction has ended");
        return run(lent, sql, params);
      },
      notify: (channel) => channels.add(channel),
    };
    try {
      const value = await current.run(scope, () => work(tx));
      scope.open = false;
      await commit(lent);
      this.#session.announce([...channels].map((channel) => this.#topic(channel)));
      return value;
    } catch (error) {
      scope.open = false;
      // A broken connection has rolled back by itself; one that cannot roll back is thrown away and does so too.
      if (lent.broken === undefined)
        await run(lent, "ROLLBACK", []).catch((cause) => markBroken(lent, cause));
      throw error;
    } finally {
      lent.client.release(lent.broken);
    }
  }

  migrate(migrations: Migrations): Promise<void> {
    if (migrations.schema !== this.schema) throw new TypeError(`migrations of ${migrations.schema}`);
    if (this.#migrations === "check") return checkMigrated(this, migrations.steps);
    return this.inTransaction(async (tx) => void (await migrate(tx, migrations.steps)));
  }

  listen(channel: string, listener: () => void): () => void {
    return this.#session.listen(this.#topic(channel), listener);
  }

  tryLock(name: string): Promise<StoreLock | undefined> {
    return this.#session.tryLock(this.#topic(name));
  }

  #topic(channel: string): string {
    return `${this.schema}.${channel}`;
  }

  /**
   * Takes a connection and readies it for this schema. One that turns out to be broken, as those that lay idle while the
   * server restarted, is replaced by another: nothing has run on it yet.
   */
  async #lend(first?: string): Promise<Lent> {
    if (current.getStore()?.open) {
      throw new StoreError("STORE_NESTED", "a statement beside the running transaction; use its tx");
    }
    const started = performance.now();
    for (let attempt = 1; ; attempt += 1) {
      const client = await this.#pool.connect().catch((error) => {
        throw poolFailure(this.#pool, error);
      });
      const lent: Lent = { client };
      try {
        if (searchPaths.get(client) !== this.schema) {
          await run(lent, `SET search_path TO "${this.schema}"`, []);
          searchPaths.set(client, this.schema);
        }
        if (first !== undefined) await run(lent, first, []);
        return lent;
      } catch (error) {
        client.release(lent.broken ?? true);
        const hopeless = attempt === attempts || performance.now() - started > brokenWithinMs;
        if (lent.broken === undefined || hopeless) throw error;
      }
    }
  }
}

/** A connection out of the pool. `broken` says why it must not go back. */
type Lent = { readonly client: pg.PoolClient; broken?: Error };

/** @throws StoreError `STORE_IN_DOUBT` when the connection breaks before the answer */
async function commit(lent: Lent): Promise<void> {
  let answer: pg.QueryResult;
  try {
    answer = await lent.client.query("COMMIT");
  } catch (error) {
    if (isConnectionLoss(error)) markBroken(lent, error);
    throw toStoreFailure(error, "commit");
  }
  if (answer.command === "COMMIT") return;
  throw new StoreError("STORE_ROLLED_BACK", "an SQL error was swallowed inside the transaction");
}

async function run<R extends Row>(
  lent: Lent,
  sql: string,
  params: readonly SqlParam[],
): Promise<QueryResult<R>> {
  const { client } = lent;
  try {
    const result = params.length === 0 ? await client.query(sql) : await client.query(sql, [...params]);
    // A text of several statements (migrations only) answers with one result per statement.
    const last = Array.isArray(result) ? result.at(-1) : result;
    return { rows: (last?.rows ?? []) as R[], rowCount: last?.rowCount ?? 0 };
  } catch (error) {
    // What is no answer of the database's leaves the connection in a state that nobody knows.
    if (isConnectionLoss(error) || !(error instanceof pg.DatabaseError)) markBroken(lent, error);
    throw toStoreFailure(error);
  }
}

function markBroken(lent: Lent, cause: unknown): void {
  lent.broken ??= cause instanceof Error ? cause : new Error("connection lost");
}

/** A connection that could not be had: the pool is busy, or the server is not there. */
function poolFailure(pool: pg.Pool, error: unknown): unknown {
  const waited = error instanceof Error && error.message === "timeout exceeded when trying to connect";
  if (waited && pool.totalCount >= (pool.options.max ?? 10)) {
    return new StoreError("STORE_BUSY", "every connection of the pool is busy", { cause: error });
  }
  return toStoreFailure(error);
}
