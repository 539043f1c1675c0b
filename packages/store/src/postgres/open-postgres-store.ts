import pg from "pg";
import type { Store } from "../db.ts";
import { postgresTypes, storeOnPool } from "../sql-store.ts";
import { postgresSession } from "./postgres-session.ts";

/** PEM texts; `ca` when the server's certificate is not by a public authority, `cert` and `key` for mutual TLS. */
export type PostgresTls = { readonly ca?: string; readonly cert?: string; readonly key?: string };

export type PostgresStoreOptions = {
  /** `postgres://user:password@host:port/database`, nothing more. */
  readonly url: string;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string;
  /** Connections at most, beside one for wake-ups and locks. */
  readonly poolSize?: number;
  /** Encrypts, and checks the server's certificate and host name. */
  readonly tls?: PostgresTls;
  /** A statement may take this long; 0: as long as it likes. */
  readonly statementTimeoutMs?: number;
  /** Waiting for a connection, new or of the pool, may take this long. */
  readonly connectTimeoutMs?: number;
  /** `check` (the default): services find their schema ready. `run`: `migrate` brings it to the last step. */
  readonly migrations?: "run" | "check";
  /** Listeners are called this often while other processes cannot be heard, every fifth time while they can. */
  readonly pollMs?: number;
  /** Told when other processes can be heard (`up`), or no longer (`down`). */
  readonly onSession?: (state: "up" | "down") => void;
};

/** A server that stopped answering is given up this long after a statement should have been. */
const answerGraceMs = 5_000;
/** A process that hangs inside a transaction loses it and its locks after this long. */
const idleInTransactionMs = 60_000;

/**
 * Opens the cluster's store: a Postgres server (15 or later), through a pool. Opens no connection before the first
 * statement, and goes on by itself when the server comes back after a loss.
 * @throws TypeError when the URL is not of that form
 */
export function openPostgresStore(options: PostgresStoreOptions): Store {
  const { poolSize = 10, statementTimeoutMs = 30_000, connectTimeoutMs = 10_000, pollMs = 2_000 } = options;
  const connection = {
    ...addressOf(options.url),
    application_name: options.applicationName,
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types: postgresTypes,
    ...(options.tls ? { ssl: { rejectUnauthorized: true, ...options.tls } } : {}),
  };
  const pool = new pg.Pool({
    ...connection,
    max: poolSize,
    idle_in_transaction_session_timeout: idleInTransactionMs,
    ...(statementTimeoutMs === 0
      ? {}
      : { statement_timeout: statementTimeoutMs, query_timeout: statementTimeoutMs + answerGraceMs }),
  });
  pool.on("error", () => {}); // an idle connection that broke is gone from the pool; the next statement opens another
  const session = postgresSession({
    connect: () => new pg.Client({ ...connection, query_timeout: connectTimeoutMs }),
    pollMs,
    connectTimeoutMs,
    ...(options.onSession ? { onState: options.onSession } : {}),
  });
  return storeOnPool(pool, { session, migrations: options.migrations ?? "check" });
}

function addressOf(text: string) {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const good = url && /^postgres(ql)?:$/.test(url.protocol) && url.search === "" && url.hash === "";
  const database = decodeURIComponent(url?.pathname.slice(1) ?? "");
  if (!good || url.hostname === "" || url.username === "" || database === "" || database.includes("/")) {
    throw new TypeError("the database's URL is not postgres://user:password@host:port/database");
  }
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? 5432 : Number(url.port),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database,
  };
}
