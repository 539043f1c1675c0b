import { AsyncLocalStorage } from "node:async_hooks";
import { EventEmitter } from "node:events";
import pg from "pg";
import type { Db, Migrations, QueryResult, Row, SqlParam, Store, Tx } from "./db.ts";
import { StoreError } from "./db.ts";
import { migrate } from "./migrate.ts";

/** A store over any pool of Postgres connections: the embedded one, or a server's. Closing it ends the pool. */
export function storeOnPool(pool: pg.Pool): Store {
  const dbs = new Map<string, Db>();
  const schema = (name: string): Db => {
    if (!/^[a-z][a-z0-9_]{0,30}$/.test(name)) throw new TypeError(`bad schema name: ${name}`);
    const db = dbs.get(name) ?? new SchemaDb(pool, name);
    dbs.set(name, db);
    return db;
  };
  return { schema, close: () => pool.end() };
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

class SchemaDb implements Db {
  readonly schema: string;
  readonly #pool: pg.Pool;
  readonly #signals = new EventEmitter().setMaxListeners(0);

  constructor(pool: pg.Pool, schema: string) {
    this.#pool = pool;
    this.schema = schema;
  }

  query<R extends Row = Row>(sql: string, params: readonly SqlParam[] = []): Promise<QueryResult<R>> {
    return this.#withClient((client) => run<R>(client, sql, params));
  }

  inTransaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.#withClient(async (client) => {
      const scope = { open: true };
      const channels = new Set<string>();
      const tx: Tx = {
        schema: this.schema,
        query: (sql, params = []) => {
          if (!scope.open) throw new StoreError("STORE_NESTED", "this transaction has ended");
          return run(client, sql, params);
        },
        notify: (channel) => channels.add(channel),
      };
      await client.query("BEGIN");
      try {
        const value = await current.run(scope, () => work(tx));
        scope.open = false;
        await client.query("COMMIT");
        for (const channel of channels) this.#signals.emit(channel);
        return value;
      } catch (error) {
        scope.open = false;
        await client.query("ROLLBACK").catch(() => {}); // a broken connection has rolled back by itself
        throw error;
      }
    });
  }

  migrate(migrations: Migrations): Promise<void> {
    if (migrations.schema !== this.schema) throw new TypeError(`migrations of ${migrations.schema}`);
    return this.inTransaction((tx) => migrate(tx, migrations.steps));
  }

  listen(channel: string, listener: () => void): () => void {
    this.#signals.on(channel, listener);
    return () => this.#signals.off(channel, listener);
  }

  /** Lends a connection; one on which `use` failed at the level of the connection is thrown away. */
  async #withClient<T>(use: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    if (current.getStore()?.open) {
      throw new StoreError("STORE_NESTED", "a statement beside the running transaction; use its tx");
    }
    const client = await this.#pool.connect();
    let broken: Error | undefined;
    try {
      if (searchPaths.get(client) !== this.schema) {
        await client.query(`SET search_path TO "${this.schema}"`);
        searchPaths.set(client, this.schema);
      }
      return await use(client);
    } catch (error) {
      if (!(error instanceof pg.DatabaseError) && !(await answers(client))) broken = error as Error;
      throw error;
    } finally {
      client.release(broken);
    }
  }
}

/** Whether a connection is alive and outside a transaction. */
async function answers(client: pg.PoolClient): Promise<boolean> {
  try {
    await client.query("ROLLBACK");
    return true;
  } catch {
    return false;
  }
}

async function run<R extends Row>(
  client: Pick<pg.PoolClient, "query">,
  sql: string,
  params: readonly SqlParam[],
): Promise<QueryResult<R>> {
  const result = params.length === 0 ? await client.query(sql) : await client.query(sql, [...params]);
  // A text of several statements (migrations only) answers with one result per statement.
  const last = Array.isArray(result) ? result.at(-1) : result;
  return { rows: (last?.rows ?? []) as R[], rowCount: last?.rowCount ?? 0 };
}
