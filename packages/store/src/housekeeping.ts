import { setTimeout as delay } from "node:timers/promises";
import type { Db, SqlParam } from "./db.ts";

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
  inBatches(
    db,
    trim,
    `DELETE FROM inbox WHERE (consumer, message_id) IN (
       SELECT consumer, message_id FROM inbox
       WHERE consumer = $2 AND claimed_at < now() - make_interval(secs => $3) LIMIT $1 FOR UPDATE SKIP LOCKED)`,
    [consumer, seconds],
  );

/**
 * Forgets messages that were sent more than `seconds` ago. Nothing reads them again: they are kept for people who look into
 * an incident. @returns how many
 */
export const forgetSentOutbox = (db: Db, seconds: number, trim: Trim = {}): Promise<number> =>
  inBatches(
    db,
    trim,
    `DELETE FROM outbox WHERE id IN (
       SELECT id FROM outbox WHERE sent_at < now() - make_interval(secs => $2)
       ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)`,
    [seconds],
  );

/** Forgets dead letters that a person sent once more so long ago. Those that wait stay for ever. @returns how many */
export const forgetRetriedLetters = (db: Db, seconds: number, trim: Trim = {}): Promise<number> =>
  inBatches(
    db,
    trim,
    `DELETE FROM dead_letter WHERE id IN (
       SELECT id FROM dead_letter WHERE retried_at < now() - make_interval(secs => $2)
       ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)`,
    [seconds],
  );

/**
 * Deletes in bounded statements, each a transaction of its own, until one finds less than it may.
 * @param statement `$1` is the most rows it may delete, `values` begin at `$2`
 */
async function inBatches(
  db: Db,
  { batch = rowsPerStatement, signal }: Trim,
  statement: string,
  values: readonly SqlParam[],
): Promise<number> {
  let deleted = 0;
  while (!signal?.aborted) {
    const { rowCount } = await db.query(statement, [batch, ...values]);
    deleted += rowCount;
    if (rowCount < batch) break;
    await delay(pauseMs, undefined, signal && { signal }).catch(() => {});
  }
  return deleted;
}
