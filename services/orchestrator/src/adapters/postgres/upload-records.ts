import { asDigest } from "@cos/protocol";
import type { Db } from "@cos/store";
import type { UploadRecords } from "../../app/ports.ts";

/**
 * Where workers may have stored outputs. An upload is referenced while a job that is not over names it, agreed or not,
 * and for ever when it is a job's result: the output of a reduce task whose job completed. Outputs are functions of their
 * inputs, so a job whose tasks were lost with the database, and of which only the chain's word is left, may have the same
 * result as one of today: no reduce task's output goes while there is such a job of its program.
 */
export const createUploadRecords = (db: Db): UploadRecords => ({
  add: async (tx, digest, at) => {
    await tx.query(
      "INSERT INTO upload (digest, presigned_at) VALUES ($1, $2) ON CONFLICT (digest) DO UPDATE SET presigned_at = $2",
      [digest, at],
    );
  },
  unreferenced: async (before, limit) => {
    const { rows } = await db.query<{ digest: string }>(
      `SELECT u.digest FROM upload u WHERE u.presigned_at <= $1
         AND NOT EXISTS (SELECT FROM replica r JOIN job j USING (job_id) WHERE r.output_digest = u.digest
           AND j.state IN ('PLANNED', 'RUNNING', 'REDUCING', 'COMPLETED', 'COMMITTED'))
         AND NOT EXISTS (SELECT FROM task t JOIN job j USING (job_id) WHERE t.output_digest = u.digest
           AND t.stage = 1 AND j.result_commitment IS NOT NULL)
         AND NOT EXISTS (SELECT FROM replica r JOIN task t USING (job_id, task_id) JOIN job j ON j.job_id = r.job_id
             JOIN job lost ON lost.terms->>'algorithmId' = j.terms->>'algorithmId'
           WHERE r.output_digest = u.digest AND t.stage = 1
             AND lost.posted_commitment IS NOT NULL AND lost.result_commitment IS NULL)
       ORDER BY u.presigned_at LIMIT $2`,
      [before, limit],
    );
    return rows.map(({ digest }) => asDigest(digest));
  },
  touch: async (tx, digest, at) => {
    await tx.query("UPDATE upload SET presigned_at = greatest(presigned_at, $2) WHERE digest = $1", [
      digest,
      at,
    ]);
  },
  forget: async (digest) => {
    await db.query("DELETE FROM upload WHERE digest = $1", [digest]);
  },
});
