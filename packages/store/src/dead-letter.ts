import type { Queryable, Tx } from "./db.ts";
import { releaseInbox } from "./inbox.ts";
import type { MessageHeaders, OutgoingMessage } from "./message.ts";
import { appendOutbox } from "./outbox.ts";

/** A message that a consumer put aside, with the reason's code. */
export type DeadLetter = {
  readonly id: bigint;
  readonly consumer: string;
  readonly topic: string;
  readonly key: string;
  readonly messageId: string;
  readonly reason: string;
  readonly headers: MessageHeaders;
  readonly payload: Uint8Array;
  readonly createdAt: Date;
  readonly retriedAt: Date | null;
};

/** Puts a message aside. Its inbox claim belongs into the same transaction. */
export async function insertDeadLetter(
  tx: Tx,
  letter: { consumer: string; reason: string; message: OutgoingMessage },
): Promise<void> {
  const { consumer, reason, message } = letter;
  await tx.query(
    `INSERT INTO dead_letter (consumer, topic, key, message_id, reason, headers, payload) VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT (consumer, message_id) DO UPDATE SET reason = excluded.reason, created_at = now(), retried_at = NULL`,
    [consumer, message.topic, message.key, message.headers.messageId, reason, message.headers, message.value],
  );
}

/** Messages put aside and not retried since, oldest first. */
export async function listDeadLetters(db: Queryable, limit = 100): Promise<DeadLetter[]> {
  const { rows } = await db.query<DeadLetter & Record<string, unknown>>(
    `SELECT id, consumer, topic, key, message_id AS "messageId", reason, headers, payload,
       created_at AS "createdAt", retried_at AS "retriedAt"
     FROM dead_letter WHERE retried_at IS NULL ORDER BY id LIMIT $1`,
    [limit],
  );
  return rows;
}

/** One message put aside and not retried since; undefined when there is none of this number. */
export async function readDeadLetter(db: Queryable, id: bigint): Promise<DeadLetter | undefined> {
  const { rows } = await db.query<DeadLetter & Record<string, unknown>>(
    `SELECT id, consumer, topic, key, message_id AS "messageId", reason, headers, payload,
       created_at AS "createdAt", retried_at AS "retriedAt"
     FROM dead_letter WHERE retried_at IS NULL AND id = $1`,
    [id],
  );
  return rows[0];
}

/** How many messages wait for a person. */
export async function countDeadLetters(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ letters: bigint }>(
    "SELECT count(*) AS letters FROM dead_letter WHERE retried_at IS NULL",
  );
  return Number(rows[0]?.letters ?? 0n);
}

/**
 * Sends a dead letter once more, under its own message id, to its topic; other consumers have claimed it and ignore it.
 * @returns false when there is no such letter waiting
 */
export async function retryDeadLetter(tx: Tx, id: bigint): Promise<boolean> {
  const { rows } = await tx.query<{
    consumer: string;
    topic: string;
    key: string;
    headers: MessageHeaders;
    payload: Buffer;
  }>(
    `UPDATE dead_letter SET retried_at = now() WHERE id = $1 AND retried_at IS NULL
     RETURNING consumer, topic, key, headers, payload`,
    [id],
  );
  const letter = rows[0];
  if (!letter) return false;
  await releaseInbox(tx, letter.consumer, letter.headers.messageId);
  const { topic, key, headers, payload } = letter;
  await appendOutbox(tx, [{ topic, key, headers: { ...headers, mode: "replay" }, value: payload }]);
  return true;
}
