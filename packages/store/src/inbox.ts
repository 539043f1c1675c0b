import type { Tx } from "./db.ts";

/**
 * Claims a message for a consumer in the transaction of its effect. A claim's age counts from the last day on which its
 * message came: a message that was published once more is remembered as long as its newer copy may come.
 * @returns false when this delivery's effect (or its dead letter) is already committed: do nothing
 */
export async function claimInbox(tx: Tx, consumer: string, messageId: string): Promise<boolean> {
  const { rows } = await tx.query<{ fresh: boolean }>(
    `INSERT INTO inbox (consumer, message_id) VALUES ($1, $2)
     ON CONFLICT (consumer, message_id) DO UPDATE SET claimed_at = now() WHERE inbox.claimed_at < now() - interval '1 day'
     RETURNING xmax = 0 AS fresh`,
    [consumer, messageId],
  );
  return rows[0]?.fresh === true; // Postgres sets xmax on the row that an update makes
}

/** Gives a claim back, so that a parked message can be delivered again. */
export async function releaseInbox(tx: Tx, consumer: string, messageId: string): Promise<void> {
  await tx.query("DELETE FROM inbox WHERE consumer = $1 AND message_id = $2", [consumer, messageId]);
}
