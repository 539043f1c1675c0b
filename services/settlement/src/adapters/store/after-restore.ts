import type { Tx } from "@cos/store";
import type { RecordedUse } from "../../domain/use-batch.ts";

/** Marks uses as recorded that the chain has already, so that the tickets' events, read once more, owe nothing for them. */
export async function markRecorded(tx: Tx, batchId: string, uses: readonly RecordedUse[]): Promise<void> {
  await tx.query(
    `INSERT INTO ticket_use (use_id, grant_id, dataset_id, grantee, op, used_at, taken_by)
     SELECT *, $7 FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::bigint[])
     ON CONFLICT (use_id) DO UPDATE SET taken_by = coalesce(ticket_use.taken_by, excluded.taken_by)`,
    [
      uses.map(({ useId }) => useId),
      uses.map(({ grantId }) => grantId),
      uses.map(({ datasetId }) => datasetId),
      uses.map(({ grantee }) => grantee),
      uses.map(({ op }) => op),
      uses.map(({ usedAt }) => usedAt),
      `recorded-batch:${batchId}`,
    ],
  );
}
