import type { Address } from "@cos/protocol";
import type { Tickets } from "../../app/repositories.ts";

export const sqlTickets: Tickets = {
  insert: async (tx, { ticketId, holder, subject, issuedAt, expiresAt }, sbtId) => {
    await tx.query(
      `INSERT INTO tickets (ticket_id, holder, subject, sbt_id, issued_at, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6)`,
      [ticketId, holder, subject, sbtId ?? null, issuedAt, expiresAt],
    );
  },
  insertAll: async (db, tickets) => {
    const rows = tickets.map(({ ticketId: ticket_id, holder, subject, issuedAt, expiresAt }) => ({
      ticket_id,
      holder,
      subject,
      issued_at: issuedAt,
      expires_at: expiresAt,
    }));
    await db.query(
      `INSERT INTO tickets (ticket_id, holder, subject, issued_at, expires_at)
       SELECT * FROM jsonb_to_recordset($1)
       AS t(ticket_id text, holder text, subject jsonb, issued_at bigint, expires_at bigint)`,
      [JSON.stringify(rows)],
    );
  },
  find: async (db, ticketId) => {
    const { rows } = await db.query<{ holder: Address; revoked: boolean; redeemed: boolean }>(
      `SELECT holder, revoked_at IS NOT NULL AS revoked, r.ticket_id IS NOT NULL AS redeemed
       FROM tickets t LEFT JOIN ticket_redemptions r USING (ticket_id) WHERE t.ticket_id = $1`,
      [ticketId],
    );
    return rows[0];
  },
  revoke: async (tx, ticketId, holder, now) => {
    const { rowCount } = await tx.query(
      "UPDATE tickets SET revoked_at = coalesce(revoked_at, $3) WHERE ticket_id = $1 AND holder = $2",
      [ticketId, holder, now],
    );
    return rowCount === 1;
  },
  // The row lock orders a revocation and a redemption that meet.
  redeem: async (tx, ticketId, now) => {
    const { rows } = await tx.query<{ revoked: boolean }>(
      "SELECT revoked_at IS NOT NULL AS revoked FROM tickets WHERE ticket_id = $1 FOR UPDATE",
      [ticketId],
    );
    if (rows[0]?.revoked !== false) return "revoked";
    const { rowCount } = await tx.query(
      "INSERT INTO ticket_redemptions (ticket_id, redeemed_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
      [ticketId, now],
    );
    return rowCount === 1 ? "redeemed" : "replayed";
  },
  countIssued: async (tx, sessionId, reserved) => {
    if (reserved < 1) return false;
    const { rowCount } = await tx.query(
      `INSERT INTO session_tickets AS s (session_id, issued) VALUES ($1, 1)
       ON CONFLICT (session_id) DO UPDATE SET issued = s.issued + 1 WHERE s.issued < $2`,
      [sessionId, reserved],
    );
    return rowCount === 1;
  },
  issuedOf: async (db, sessionId) => {
    const { rows } = await db.query<{ issued: number }>(
      "SELECT issued FROM session_tickets WHERE session_id = $1",
      [sessionId],
    );
    return rows[0]?.issued ?? 0;
  },
};
