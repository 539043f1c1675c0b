import type { Digest } from "@cos/protocol";
import type { Queryable } from "@cos/store";
import type { Uploads } from "../../app/repositories.ts";

export const sqlUploads: Uploads = {
  record: async (tx, { digest, sbtId, sizeBytes, tokenHash }) => {
    await tx.query(
      "INSERT INTO transfer_objects (token_hash, digest) VALUES ($1, $2) ON CONFLICT DO NOTHING",
      [tokenHash, digest],
    );
    const { rowCount } = await tx.query(
      "INSERT INTO uploads (digest, sbt_id, size_bytes) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
      [digest, sbtId, sizeBytes],
    );
    if (rowCount === 1) await addUsage(tx, sbtId, sizeBytes);
  },
  wasPutBy: async (db, digest, sbtId) =>
    exists(db, "SELECT 1 FROM uploads WHERE digest = $1 AND sbt_id = $2", [digest, sbtId]),
  wasPutInTransfer: async (db, digest, tokenHash) =>
    exists(db, "SELECT 1 FROM transfer_objects WHERE digest = $1 AND token_hash = $2", [digest, tokenHash]),
  lockUsage: async (tx, sbtId, now) => {
    await addUsage(tx, sbtId, 0); // Takes the row's lock: two tickets are never weighed against the same room.
    const { rows } = await tx.query<{ used: string }>(
      `SELECT (
         (SELECT used_bytes FROM upload_usage WHERE sbt_id = $1)
         + coalesce((SELECT sum(bytes_left) FROM transfers
             WHERE sbt_id = $1 AND closed_at IS NULL AND expires_at > $2), 0)
         + coalesce((SELECT sum((subject->>'maxBytes')::numeric) FROM tickets t
             WHERE sbt_id = $1 AND revoked_at IS NULL AND expires_at > $2
             AND NOT EXISTS (SELECT 1 FROM ticket_redemptions r WHERE r.ticket_id = t.ticket_id)), 0)
       )::numeric AS used`,
      [sbtId, now],
    );
    return Number(rows[0]?.used ?? 0);
  },
  uploadersOf: async (db, digests) => {
    const { rows } = await db.query<{ digest: Digest; sbt_id: string }>(
      "SELECT digest, sbt_id FROM uploads WHERE digest = ANY($1::text[]) ORDER BY position",
      [digests],
    );
    const uploaders = new Map<Digest, string[]>();
    for (const { digest, sbt_id } of rows) uploaders.set(digest, [...(uploaders.get(digest) ?? []), sbt_id]);
    return uploaders;
  },
  isWithdrawn: async (db, digest) =>
    exists(db, "SELECT 1 FROM withdrawn_objects WHERE digest = $1", [digest]),
  withdrawnAmong: async (db, digests) => {
    const { rows } = await db.query<{ digest: Digest }>(
      "SELECT digest FROM withdrawn_objects WHERE digest = ANY($1::text[])",
      [digests],
    );
    return new Set(rows.map(({ digest }) => digest));
  },
  markWithdrawn: async (tx, digests) => {
    await tx.query(
      "INSERT INTO withdrawn_objects (digest) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING",
      [digests],
    );
  },
  forget: async (tx, digests) => {
    await tx.query(
      `WITH gone AS (DELETE FROM uploads WHERE digest = ANY($1::text[]) RETURNING sbt_id, size_bytes),
            freed AS (SELECT sbt_id, sum(size_bytes) AS bytes FROM gone GROUP BY sbt_id)
       UPDATE upload_usage u SET used_bytes = greatest(0, u.used_bytes - freed.bytes)
       FROM freed WHERE u.sbt_id = freed.sbt_id`,
      [digests],
    );
  },
};

async function addUsage(db: Queryable, sbtId: string, bytes: number): Promise<void> {
  await db.query(
    `INSERT INTO upload_usage AS u (sbt_id, used_bytes) VALUES ($1, $2)
     ON CONFLICT (sbt_id) DO UPDATE SET used_bytes = u.used_bytes + excluded.used_bytes`,
    [sbtId, bytes],
  );
}

async function exists(db: Queryable, sql: string, params: string[]): Promise<boolean> {
  return (await db.query(sql, params)).rowCount > 0;
}
