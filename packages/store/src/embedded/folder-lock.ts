import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StoreError } from "../db.ts";

/**
 * Takes a folder for this process. The kernel holds the lock (SQLite's file lock), so it ends with the process however
 * that ends: no stale pid file, no wait after a SIGKILL.
 * @throws StoreError `STORE_LOCKED` when someone else has it
 */
export function lockFolder(folder: string): { release(): void } {
  const file = new DatabaseSync(join(folder, "lock"));
  try {
    file.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (cause) {
    file.close();
    throw new StoreError("STORE_LOCKED", `${folder} is in use by another process`, { cause });
  }
  return { release: () => file.close() };
}
