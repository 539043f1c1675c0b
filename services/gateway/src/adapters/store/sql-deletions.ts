import type { Deletions } from "../../app/repositories.ts";

export const sqlDeletions: Deletions = {
  request: async (tx, { datasetId, barrier }) => {
    await tx.query(
      `INSERT INTO deletions (dataset_id, barrier) VALUES ($1, $2)
       ON CONFLICT (dataset_id, barrier) DO UPDATE SET done = false`,
      [datasetId, barrier],
    );
  },
  list: async (db, which) => {
    const { rows } = await db.query<{ datasetId: string; barrier: number }>(
      `SELECT dataset_id AS "datasetId", barrier FROM deletions WHERE $1 OR NOT done ORDER BY dataset_id, barrier`,
      [which === "all"],
    );
    return rows;
  },
  finish: async (db, { datasetId, barrier }, objects) => {
    await db.query(
      "UPDATE deletions SET done = true, objects = objects + $3 WHERE dataset_id = $1 AND barrier = $2",
      [datasetId, barrier, objects],
    );
  },
};
