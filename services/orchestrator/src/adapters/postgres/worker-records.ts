import { asAddress } from "@cos/protocol";
import type { WorkerRecords } from "../../app/ports.ts";

/** Workers that were heard of, by region, and the partitions that they were seen to serve. */
export const workerRecords: WorkerRecords = {
  seen: async (tx, worker, regions, at, capacity) => {
    await tx.query(
      `INSERT INTO worker (worker, region, seen_at, capacity)
       SELECT $1, region, $3::bigint, coalesce($4::int, 1) FROM unnest($2::text[]) AS region
       ON CONFLICT (worker, region) DO UPDATE
         SET seen_at = greatest(worker.seen_at, excluded.seen_at), capacity = coalesce($4::int, worker.capacity)`,
      [worker, [...new Set(regions)].sort(), at, capacity ?? null],
    );
  },
  left: async (tx, worker) => {
    await tx.query("DELETE FROM worker WHERE worker = $1", [worker]);
    await tx.query("DELETE FROM queue_partition WHERE worker = $1", [worker]);
  },
  known: async (tx, region, since) => {
    const { rows } = await tx.query<{ worker: string }>(
      "SELECT worker FROM worker WHERE region = $1 AND seen_at >= $2 ORDER BY worker",
      [region, since],
    );
    return rows.map(({ worker }) => asAddress(worker));
  },
  fleet: async (tx, since) => {
    const { rows } = await tx.query<{ worker: string; region: string; capacity: number }>(
      "SELECT worker, region, capacity FROM worker WHERE seen_at >= $1 ORDER BY worker, region",
      [since],
    );
    return rows.map((row) => ({ ...row, worker: asAddress(row.worker) }));
  },
  serves: async (tx, region, partition, worker, at) => {
    await tx.query(
      `INSERT INTO queue_partition (region, partition, worker, seen_at) VALUES ($1, $2, $3, $4)
       ON CONFLICT (region, partition) DO UPDATE SET worker = excluded.worker, seen_at = excluded.seen_at
         WHERE queue_partition.seen_at <= excluded.seen_at`,
      [region, partition, worker, at],
    );
  },
  owners: async (tx) => {
    const { rows } = await tx.query<{ region: string; partition: number; worker: string }>(
      "SELECT region, partition, worker FROM queue_partition",
    );
    return rows.map((row) => ({ ...row, worker: asAddress(row.worker) }));
  },
};
