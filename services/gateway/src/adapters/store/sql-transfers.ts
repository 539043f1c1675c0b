import type { Address, Digest } from "@cos/protocol";
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
  closeByTicket: async (tx, ticketId, now) => {
    await tx.query("UPDATE transfers SET closed_at = $2 WHERE ticket_id = $1 AND closed_at IS NULL", [
      ticketId,
      now,
    ]);
  },
  closeByIdentity: async (tx, sbtId, now) => {
    await tx.query("UPDATE transfers SET closed_at = $2 WHERE sbt_id = $1 AND closed_at IS NULL", [
      sbtId,
      now,
    ]);
  },
  closeByGrant: async (tx, grantId, now) => {
    await tx.query("UPDATE transfers SET closed_at = $2 WHERE grant_id = $1 AND closed_at IS NULL", [
      grantId,
      now,
    ]);
  },
  closeGrantsOfDataset: async (tx, datasetId, now) => {
    await tx.query(
      `UPDATE transfers SET closed_at = $2
       WHERE dataset_id = $1 AND grant_id IS NOT NULL AND closed_at IS NULL`,
      [datasetId, now],
    );
  },
  closeAllOfDataset: async (tx, datasetId, now) => {
    await tx.query("UPDATE transfers SET closed_at = $2 WHERE dataset_id = $1 AND closed_at IS NULL", [
      datasetId,
      now,
    ]);
  },
  deleteEnded: async (db, before) => {
    await db.query("DELETE FROM transfers WHERE expires_at < $1", [before]);
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
