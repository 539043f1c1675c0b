import type { Tx } from "./db.ts";

/**
 * Claims a message for a consumer in the transaction of its effect.
 * @returns false when this delivery's effect (or its dead letter) is already committed: do nothing
 */
export async function claimInbox(tx: Tx, consumer: string, messageId: string): Promise<boolean> {
  const { rowCount } = await tx.query(
    "INSERT INTO inbox (consumer, message_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
    [consumer, messageId],
  );
  return rowCount === 1;
}

/** Gives a claim back, so that a parked message can be delivered again. */
export async function releaseInbox(tx: Tx, consumer: string, messageId: string): Promise<void> {
  await tx.query("DELETE FROM inbox WHERE consumer = $1 AND message_id = $2", [consumer, messageId]);
}
