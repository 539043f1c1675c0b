import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { MessageChannel, Worker } from "node:worker_threads";
import pg from "pg";
import type { Store } from "../db.ts";
import { StoreError } from "../db.ts";
import { postgresTypes, storeOnPool } from "../sql-store.ts";
import { lockFolder } from "./folder-lock.ts";
import { PortStream } from "./port-stream.ts";

/**
 * Opens the embedded store: PGlite (Postgres as WebAssembly) in a thread of its own, spoken to by `pg` over one
 * connection, so transactions of all services take turns and never interleave. Committed rows survive a SIGKILL of the
 * process at any moment. First opening takes some 3 s (it initialises a cluster), later ones well under 1 s.
 * @param options.dataDir folder to keep it in, made when missing; in memory when left out
 * @throws StoreError `STORE_LOCKED` when the folder is open elsewhere
 */
export async function openEmbeddedStore(options: { readonly dataDir?: string } = {}): Promise<Store> {
  const { dataDir } = options;
  if (dataDir !== undefined) await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const lock = dataDir === undefined ? undefined : lockFolder(dataDir);
  const worker = new Worker(new URL("./pglite-worker.ts", import.meta.url), {
    workerData: { dataDir: dataDir === undefined ? undefined : join(dataDir, "pg") },
  });
  try {
    await started(worker);
  } catch (error) {
    lock?.release();
    throw error;
  }
  let lost: Error | undefined;
  worker.on("error", (cause) => {
    lost = new StoreError("STORE_LOST", "the embedded database stopped", { cause });
  });
  const exited = new Promise<void>((resolve) => worker.once("exit", () => resolve()));

  const pool = new pg.Pool({
    max: 1,
    idleTimeoutMillis: 0,
    user: "postgres",
    database: "postgres",
    types: postgresTypes,
    stream: () => {
      if (lost) throw lost;
      const { port1, port2 } = new MessageChannel();
      worker.postMessage(port2, [port2]);
      return new PortStream(port1);
    },
  });
  pool.on("error", () => {}); // an idle connection that broke: the next query opens another, or reports STORE_LOST
  const store = storeOnPool(pool);
  return {
    schema: store.schema,
    close: async () => {
      await store.close();
      worker.postMessage("close");
      await exited;
      lock?.release();
    },
  };
}

function started(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.once("message", () => resolve());
    worker.once("error", reject);
  });
}
