import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { PGlite } from "@electric-sql/pglite";
import { splitMessages } from "./split-messages.ts";

/** For one process on one machine: small buffers, no replication, and a log short enough to be replayed in a moment. */
const settings = [
  "shared_buffers = 16MB",
  "wal_level = minimal",
  "max_wal_senders = 0",
  "max_wal_size = 64MB",
  "min_wal_size = 32MB",
];

/** Serves one PGlite instance, alone in this thread, to one Postgres connection after another over message ports. */
const { dataDir } = workerData as { dataDir: string | undefined };
const db = await PGlite.create(dataDir ?? "memory://", { postgresqlconf: settings });
let turn: Promise<void> = Promise.resolve();
let open: MessagePort | undefined;

parentPort!.on("message", (port: MessagePort | "close") => {
  if (port === "close") void inTurn(() => db.close()).then(() => parentPort!.close());
  else serve(port);
});
parentPort!.postMessage("ready");

function inTurn(work: () => Promise<void>): Promise<void> {
  turn = turn.then(work).catch((error: unknown) => {
    // PGlite reports SQL errors in the protocol; what is thrown here is a broken engine, which only a restart mends.
    setImmediate(() => {
      throw error;
    });
  });
  return turn;
}

function serve(port: MessagePort): void {
  open?.close();
  open = port;
  void inTurn(forgetSession);
  let rest: Uint8Array = new Uint8Array(0);
  port.on("message", (chunk: Uint8Array) => {
    const split = splitMessages(rest, chunk);
    rest = split.rest;
    if (split.messages.length === 0) return;
    void inTurn(async () => {
      if (open !== port) return;
      for (const message of split.messages) {
        await db.execProtocolRawStream(message, { onRawData: (data) => port.postMessage(data.slice()) });
      }
    });
  });
  port.on("close", () => {
    if (open === port) void inTurn(forgetSession);
  });
}

/** The engine has one session for all: what a connection left behind must not reach the next. */
async function forgetSession(): Promise<void> {
  if (db.isInTransaction()) await db.exec("ROLLBACK");
  await db.exec("DISCARD ALL");
}
