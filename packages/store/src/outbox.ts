import { context, propagation } from "@opentelemetry/api";
import type { Db, Tx } from "./db.ts";
import type { MessageHeaders, OutgoingMessage } from "./message.ts";

/** The channel that wakes a relay in this process. */
export const outboxChannel = "outbox";

/** Rows of one statement at most, so that a statement stays a few megabytes. */
const rowsPerStatement = 2_000;

/**
 * Adds messages to the transaction: they are sent if it commits, in this order, at least once. One statement for up to
 * 2,000 messages: hand over all that a transaction sends in one call. A message without a trace context gets that of the
 * running code.
 */
export async function appendOutbox(tx: Tx, messages: readonly OutgoingMessage[]): Promise<void> {
  const running: { traceparent?: string } = {};
  propagation.inject(context.active(), running);
  for (let at = 0; at < messages.length; at += rowsPerStatement) {
    const some = messages.slice(at, at + rowsPerStatement);
    await tx.query(
      `INSERT INTO outbox (topic, key, partition, headers, value)
       SELECT topic, key, partition, headers, value
       FROM unnest($1::text[], $2::text[], $3::int[], $4::jsonb[], $5::bytea[])
         WITH ORDINALITY AS m (topic, key, partition, headers, value, position)
       ORDER BY position`,
      [
        some.map((one) => one.topic),
        some.map((one) => one.key),
        some.map((one) => one.partition ?? null),
        some.map((one) => JSON.stringify({ ...running, ...one.headers })),
        some.map((one) => Buffer.from(one.value.buffer, one.value.byteOffset, one.value.length)),
      ],
    );
  }
  if (messages.length > 0) tx.notify(outboxChannel);
}

/** A committed message that may not have been sent yet. */
export type OutboxRow = OutgoingMessage & { readonly id: bigint };

/** Up to `limit` unsent messages, oldest first. */
export async function readOutbox(db: Db, limit: number): Promise<OutboxRow[]> {
  const { rows } = await db.query<StoredMessage>(
    "SELECT id, topic, key, partition, headers, value FROM outbox WHERE sent_at IS NULL ORDER BY id LIMIT $1",
    [limit],
  );
  return rows.map(({ partition, ...row }) => (partition === null ? row : { ...row, partition }));
}

/** Records that the log has these messages. */
export async function markOutboxSent(db: Db, ids: readonly bigint[]): Promise<void> {
  await db.query("UPDATE outbox SET sent_at = now() WHERE id = ANY($1::bigint[])", [ids]);
}

/**
 * Has everything sent again that is still kept, under its own ids: after a restore nobody knows what of it the consumers'
 * tables had counted, and their inboxes do. @returns how many messages
 */
export async function resendOutbox(tx: Tx): Promise<number> {
  const { rowCount } = await tx.query("UPDATE outbox SET sent_at = NULL WHERE sent_at IS NOT NULL");
  if (rowCount > 0) tx.notify(outboxChannel);
  return rowCount;
}

/** Unsent messages and the age of the oldest, for metrics and health. */
export async function outboxStatus(db: Db): Promise<{ unsent: number; oldestAgeS: number }> {
  const { rows } = await db.query<{ unsent: bigint; age: number | null }>(
    `SELECT count(*) AS unsent, extract(epoch FROM now() - min(created_at))::float8 AS age
     FROM outbox WHERE sent_at IS NULL`,
  );
  return { unsent: Number(rows[0]?.unsent ?? 0n), oldestAgeS: rows[0]?.age ?? 0 };
}

type StoredMessage = {
  id: bigint;
  topic: string;
  key: string;
  partition: number | null;
  headers: MessageHeaders;
  value: Buffer;
};
