import type { Tx } from "@cos/store";

/**
 * Puts the next fencing number above every one that was given before the loss, so that a worker which still runs a task
 * from then holds a number that nobody else gets. Fences count up by one from a clock's reading: a life of the schema
 * would have to give a thousand a second, from its first day on, to reach the next one's.
 * @param nowMs Unix milliseconds
 */
export async function raiseFences(tx: Tx, nowMs: number): Promise<void> {
  await tx.query("SELECT setval('fence', greatest((SELECT last_value FROM fence), $1::bigint))", [
    BigInt(nowMs),
  ]);
}

/**
 * Takes back whatever is out: no worker from before the loss is at work any more, and messages may be gone with the log.
 * Nobody is blamed for it.
 */
export async function takeWorkBack(tx: Tx): Promise<void> {
  await tx.query(
    `UPDATE replica SET state = 'WAITING', worker = NULL, fence = NULL, ready_at = 0, unanswered = 0
     WHERE state IN ('QUEUED', 'RUNNING')`,
  );
}
