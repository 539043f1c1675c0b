import type { Db } from "@cos/store";

/** Workers heard of lately, and whether tasks wait or run. */
export type ServedRegion = { readonly workers: number; readonly hasWork: boolean };

const daySeconds = 86_400;

/**
 * The regions where a worker was seen within a day, or where there is work.
 * @param now Unix seconds
 */
export async function servedRegions(
  db: Pick<Db, "query">,
  { now, workerForgottenSeconds }: { readonly now: number; readonly workerForgottenSeconds: number },
): Promise<ReadonlyMap<string, ServedRegion>> {
  const { rows } = await db.query<{ region: string; workers: bigint; work: boolean }>(
    `SELECT region, count(*) FILTER (WHERE seen_at >= $1::bigint) AS workers, bool_or(seen_at = 0) AS work FROM (
       SELECT region, seen_at FROM worker WHERE seen_at >= $2::bigint
       UNION ALL
       SELECT DISTINCT j.region, 0::bigint FROM replica r JOIN job j USING (job_id)
       WHERE r.state <> 'DONE' AND j.state IN ('PLANNED', 'RUNNING', 'REDUCING')
     ) AS seen GROUP BY region ORDER BY region`,
    [now - workerForgottenSeconds, now - daySeconds],
  );
  return new Map(
    rows.map(({ region, workers, work }) => [region, { workers: Number(workers), hasWork: work }]),
  );
}
