import type { Address, Digest } from "@cos/protocol";
import type { Tx } from "@cos/store";
import type { Transfer, TransferScope, Transfers } from "../../app/repositories.ts";

type TransferRow = {
  token_hash: Digest;
  ticket_id: Digest;
  holder: Address;
  scope: TransferScope;
  bytes_left: bigint;
  expires_at: bigint;
};

export const sqlTransfers: Transfers = {
  insert: async (tx, { tokenHash, ticketId, holder, scope, bytesLeft, expiresAt }) => {
    await tx.query(
      `INSERT INTO transfers (token_hash, ticket_id, holder, scope, bytes_left, expires_at, sbt_id, dataset_id, grant_id)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [
        tokenHash,
        ticketId,
        holder,
        scope,
        bytesLeft,
        expiresAt,
        scope.kind === "upload" ? scope.sbtId : null,
        scope.kind === "version" ? scope.datasetId : null,
        scope.kind === "version" ? scope.grantId : null,
      ],
    );
  },
  findOpen: async (db, tokenHash, now) => {
    const { rows } = await db.query<TransferRow>(
      `SELECT token_hash, ticket_id, holder, scope, bytes_left, expires_at
       FROM transfers WHERE token_hash = $1 AND closed_at IS NULL AND expires_at > $2`,
      [tokenHash, now],
    );
    return rows[0] && toTransfer(rows[0]);
  },
  takeBytes: async (db, tokenHash, bytes, now) => {
    const { rowCount } = await db.query(
      `UPDATE transfers SET bytes_left = bytes_left - $2
       WHERE token_hash = $1 AND bytes_left >= $2 AND closed_at IS NULL AND expires_at > $3`,
      [tokenHash, bytes, now],
    );
    return rowCount === 1;
  },
  giveBackBytes: async (db, tokenHash, bytes) => {
    await db.query("UPDATE transfers SET bytes_left = bytes_left + $2 WHERE token_hash = $1", [
      tokenHash,
      bytes,
    ]);
  },
  closings: async (db) => {
    const { rows } = await db.query<{ times: bigint }>("SELECT times FROM closing");
    return rows[0]?.times ?? 0n;
  },
  holdClosings: async (tx) => {
    const { rows } = await tx.query<{ times: bigint }>("SELECT times FROM closing FOR SHARE");
    return rows[0]?.times ?? 0n;
  },
  closeByTicket: async (tx, ticketId, now) => {
    await tx.query("UPDATE transfers SET closed_at = $2 WHERE ticket_id = $1 AND closed_at IS NULL", [
      ticketId,
      now,
    ]);
  },
  closeByIdentity: async (tx, sbtId, now) => {
    await countClosing(tx);
    await tx.query("UPDATE transfers SET closed_at = $2 WHERE sbt_id = $1 AND closed_at IS NULL", [
      sbtId,
      now,
    ]);
  },
  closeByGrant: async (tx, grantId, now) => {
    await countClosing(tx);
    await tx.query("UPDATE transfers SET closed_at = $2 WHERE grant_id = $1 AND closed_at IS NULL", [
      grantId,
      now,
    ]);
  },
  closeGrantsOfDataset: async (tx, datasetId, now) => {
    await countClosing(tx);
    await tx.query(
      `UPDATE transfers SET closed_at = $2
       WHERE dataset_id = $1 AND grant_id IS NOT NULL AND closed_at IS NULL`,
      [datasetId, now],
    );
  },
  closeAllOfDataset: async (tx, datasetId, now) => {
    await countClosing(tx);
    await tx.query("UPDATE transfers SET closed_at = $2 WHERE dataset_id = $1 AND closed_at IS NULL", [
      datasetId,
      now,
    ]);
  },
  deleteEnded: async (db, before) => {
    await db.query(
      `DELETE FROM transfers WHERE token_hash IN (SELECT token_hash FROM transfers WHERE expires_at < $1 LIMIT 20000)`,
      [before],
    );
    await db.query(
      `WITH over AS (SELECT ticket_id FROM tickets WHERE expires_at < $1
         AND NOT EXISTS (SELECT FROM transfers WHERE transfers.ticket_id = tickets.ticket_id) LIMIT 20000),
       unredeemed AS (DELETE FROM ticket_redemptions USING over WHERE ticket_redemptions.ticket_id = over.ticket_id)
       DELETE FROM tickets USING over WHERE tickets.ticket_id = over.ticket_id`,
      [before],
    );
  },
};

const toTransfer = (row: TransferRow): Transfer => ({
  tokenHash: row.token_hash,
  ticketId: row.ticket_id,
  holder: row.holder,
  scope: row.scope,
  bytesLeft: Number(row.bytes_left),
  expiresAt: Number(row.expires_at),
});

/** Before closing: a redemption that is being written down is waited for, so that its transfer is closed too. */
async function countClosing(tx: Tx): Promise<void> {
  await tx.query("UPDATE closing SET times = times + 1");
}
