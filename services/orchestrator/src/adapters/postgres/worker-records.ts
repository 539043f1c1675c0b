import { asAddress } from "@cos/protocol";
import type { WorkerRecords } from "../../app/ports.ts";

/** Workers that were heard of, by region. */
export const workerRecords: WorkerRecords = {
  seen: async (tx, worker, regions, at) => {
    await tx.query(
      `INSERT INTO worker (worker, region, seen_at) SELECT $1, region, $3::bigint FROM unnest($2::text[]) AS region
       ON CONFLICT (worker, region) DO UPDATE SET seen_at = greatest(worker.seen_at, excluded.seen_at)`,
      [worker, [...new Set(regions)], at],
    );
  },
  known: async (tx, region, since) => {
    const { rows } = await tx.query<{ worker: string }>(
      "SELECT worker FROM worker WHERE region = $1 AND seen_at >= $2 ORDER BY worker",
      [region, since],
    );
    return rows.map(({ worker }) => asAddress(worker));
  },
};
