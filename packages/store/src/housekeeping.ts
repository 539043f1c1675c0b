import { setTimeout as delay } from "node:timers/promises";
import type { Db } from "./db.ts";

/** Rows that one statement deletes: it holds its locks, and the embedded store, for milliseconds only. */
const rowsPerStatement = 1_000;
/** Between statements, so that others get their turn. */
const pauseMs = 20;

type Trim = { readonly batch?: number; readonly signal?: AbortSignal };

/**
 * Forgets which messages a consumer has counted, where the last delivery was more than `seconds` ago. Only safe once none
 * of those messages can come again: see `MessageLog.keptSeconds`.
 * @returns how many
 */
export const forgetInbox = (db: Db, consumer: string, seconds: number, trim: Trim = {}): Promise<number> =>
  inBatches(trim, async (limit) => {
    const { rowCount } = await db.query(
      `DELETE FROM inbox WHERE (consumer, message_id) IN (
         SELECT consumer, message_id FROM inbox
         WHERE consumer = $1 AND claimed_at < now() - make_interval(secs => $2) LIMIT $3 FOR UPDATE SKIP LOCKED)`,
      [consumer, seconds, limit],
    );
    return rowCount;
  });

/**
 * Forgets messages that were sent more than `seconds` ago. Nothing reads them again: they are kept for people who look into
 * an incident. @returns how many
 */
export const forgetSentOutbox = (db: Db, seconds: number, trim: Trim = {}): Promise<number> =>
  inBatches(trim, async (limit) => {
    const { rowCount } = await db.query(
      `DELETE FROM outbox WHERE id IN (
         SELECT id FROM outbox WHERE sent_at < now() - make_interval(secs => $1)
         ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)`,
      [seconds, limit],
    );
    return rowCount;
  });

/** Forgets dead letters that a person sent once more so long ago. Those that wait stay for ever. @returns how many */
export const forgetRetriedLetters = (db: Db, seconds: number, trim: Trim = {}): Promise<number> =>
  inBatches(trim, async (limit) => {
    const { rowCount } = await db.query(
      `DELETE FROM dead_letter WHERE id IN (
         SELECT id FROM dead_letter WHERE retried_at < now() - make_interval(secs => $1)
         ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)`,
      [seconds, limit],
    );
    return rowCount;
  });

/** Deletes in bounded statements, each a transaction of its own, until one finds less than it may. */
async function inBatches(
  { batch = rowsPerStatement, signal }: Trim,
  statement: (limit: number) => Promise<number>,
): Promise<number> {
  let deleted = 0;
  while (!signal?.aborted) {
    const now = await statement(batch);
    deleted += now;
    if (now < batch) break;
    await delay(pauseMs, undefined, signal && { signal }).catch(() => {});
  }
  return deleted;
}
