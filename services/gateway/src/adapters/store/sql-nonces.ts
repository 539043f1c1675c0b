import type { Nonces } from "../../app/repositories.ts";

export const sqlNonces: Nonces = {
  insert: async (db, nonce, owner, expiresAt) => {
    await db.query("INSERT INTO nonces (nonce, address, expires_at) VALUES ($1, $2, $3)", [
      nonce,
      owner,
      expiresAt,
    ]);
  },
  use: async (db, nonce, owner, now) => {
    const { rowCount } = await db.query(
      `UPDATE nonces SET used_at = $3
       WHERE nonce = $1 AND address = $2 AND used_at IS NULL AND expires_at > $3`,
      [nonce, owner, now],
    );
    return rowCount === 1;
  },
  deleteExpired: async (db, now) => {
    await db.query(
      "DELETE FROM nonces WHERE nonce IN (SELECT nonce FROM nonces WHERE expires_at <= $1 LIMIT 20000)",
      [now],
    );
  },
};
