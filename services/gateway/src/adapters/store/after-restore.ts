import type { Tx } from "@cos/store";

/**
 * Ends what the lost life of the schema may have handed out and counted: what was signed in to, issued or redeemed since
 * the backup is not known, so nothing that was open then stays open. People sign in and ask again.
 *
 * Sessions of tickets that were reserved up to now count as used up: how many of theirs were issued is not known, and the
 * chain's limit must not be exceeded. A grantee reserves another.
 *
 * @param head the chain's height now
 * @param now Unix seconds
 */
export async function endOpenPromises(tx: Tx, head: number, now: number): Promise<void> {
  await tx.query("DELETE FROM nonces");
  await tx.query("UPDATE tickets SET revoked_at = $1 WHERE revoked_at IS NULL AND expires_at > $1", [now]);
  await tx.query("UPDATE transfers SET closed_at = $1 WHERE closed_at IS NULL AND expires_at > $1", [now]);
  await tx.query("UPDATE closing SET times = times + 1");
  await tx.query("UPDATE sessions_known SET after_block = greatest(after_block, $1)", [head]);
}
