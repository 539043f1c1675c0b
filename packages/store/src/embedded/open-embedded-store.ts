import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { MessageChannel, Worker } from "node:worker_threads";
import { keepWasmWrappers } from "@cos/protocol/keep-wasm-wrappers";
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
 * @param options.onLost told when the engine stopped by itself; from then on every statement fails with `STORE_LOST`
 * @throws StoreError `STORE_LOCKED` when the folder is open elsewhere
 */
export async function openEmbeddedStore(
  options: { readonly dataDir?: string; readonly onLost?: (error: StoreError) => void } = {},
): Promise<Store> {
  const { dataDir } = options;
  if (dataDir !== undefined) await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const lock = dataDir === undefined ? undefined : lockFolder(dataDir);
  let worker: Worker;
  try {
    worker = await startEngine(dataDir === undefined ? undefined : await initialised(dataDir));
  } catch (error) {
    lock?.release();
    throw error;
  }
  let lost: StoreError | undefined;
  worker.on("error", (cause) => {
    lost = new StoreError("STORE_LOST", "the embedded database stopped", { cause });
    options.onLost?.(lost);
  });

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
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await store.close();
    await stopEngine(worker);
    lock?.release();
  };
  return {
    schema: store.schema,
    ping: store.ping,
    close: () => {
      closed ??= close();
      return closed;
    },
  };
}

/**
 * The folder of the database, initialised. That is done aside and renamed, so that a kill leaves no half of one, and in a
 * thread of its own, because initialising takes some 400 MB that a thread gives back only by ending.
 */
async function initialised(dataDir: string): Promise<string> {
  const folder = join(dataDir, "pg");
  if (existsSync(folder)) return folder;
  const fresh = join(dataDir, "pg.new");
  await rm(fresh, { recursive: true, force: true });
  await stopEngine(await startEngine(fresh));
  await rename(fresh, folder);
  return folder;
}

/** Resolves when the engine in the new thread is ready. */
function startEngine(dataDir: string | undefined): Promise<Worker> {
  keepWasmWrappers();
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./pglite-worker.ts", import.meta.url), { workerData: { dataDir } });
    worker.once("error", reject);
    worker.once("message", () => {
      worker.off("error", reject);
      resolve(worker);
    });
  });
}

async function stopEngine(worker: Worker): Promise<void> {
  if (worker.threadId === -1) return; // it has ended by itself
  await new Promise<void>((resolve) => {
    worker.once("exit", () => resolve());
    worker.postMessage("close");
  });
}
