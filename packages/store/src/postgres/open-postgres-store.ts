import { checkServerIdentity, type PeerCertificate } from "node:tls";
import { clientTlsOptions, type TlsMaterial } from "@cos/tls";
import pg from "pg";
import type { Store } from "../db.ts";
import { postgresTypes, storeOnPool } from "../sql-store.ts";
import { postgresSession } from "./postgres-session.ts";

export type PostgresStoreOptions = {
  /** `postgres://user:password@host:port/database`; after it `?sslmode=verify-full` or `?sslmode=disable`, nothing more. */
  readonly url: string;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string;
  /** Connections at most, beside one for wake-ups and locks. */
  readonly poolSize?: number;
  /**
   * Encrypts, and checks the server's certificate and its name, as `?sslmode=verify-full` does without it. There is no mode
   * that falls back to plaintext or believes any certificate.
   */
  readonly tls?: TlsMaterial;
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
  const { verify, ...address } = addressOf(options.url);
  if (verify === false && options.tls)
    throw new TypeError("the database's URL turns off the TLS that is set");
  const tls = options.tls ?? (verify ? {} : undefined);
  const connection = {
    ...address,
    application_name: options.applicationName,
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types: postgresTypes,
    ...(tls ? { ssl: verifyFull(tls, address.host) } : {}),
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
  const mode = /^\?sslmode=(verify-full|disable)$/.exec(url?.search ?? "")?.[1];
  const plain = url?.search === "" || mode !== undefined;
  const good = url && /^postgres(ql)?:$/.test(url.protocol) && plain && url.hash === "";
  const database = decodeURIComponent(url?.pathname.slice(1) ?? "");
  if (!good || url.hostname === "" || url.username === "" || database === "" || database.includes("/")) {
    throw new TypeError(
      "the database's URL is not postgres://user:password@host:port/database, with ?sslmode=verify-full or disable at most",
    );
  }
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? 5432 : Number(url.port),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database,
    verify: mode === undefined ? undefined : mode === "verify-full",
  };
}

/** The certificate must be for the host of the URL, also where that is an address: pg names no host to Node then. */
function verifyFull(tls: TlsMaterial, host: string) {
  const options = clientTlsOptions(tls);
  const check = (_: string, certificate: PeerCertificate) => checkServerIdentity(host, certificate);
  return Object.defineProperties({ checkServerIdentity: check }, Object.getOwnPropertyDescriptors(options));
}
