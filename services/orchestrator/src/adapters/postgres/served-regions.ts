import type { Db } from "@cos/store";

/**
 * Workers heard of lately, by region. A region counts where a worker was seen within a day, or where work waits: one
 * that has none is 0.
 * @param now Unix seconds
 */
export async function servedRegions(
  db: Pick<Db, "query">,
  { now, workerForgottenSeconds }: { readonly now: number; readonly workerForgottenSeconds: number },
): Promise<ReadonlyMap<string, number>> {
  const { rows } = await db.query<{ region: string; workers: bigint }>(
    `SELECT region, count(*) FILTER (WHERE seen_at >= $1::bigint) AS workers FROM (
       SELECT region, seen_at FROM worker WHERE seen_at >= $2::bigint
       UNION ALL
       SELECT DISTINCT j.region, 0::bigint FROM replica r JOIN job j USING (job_id)
       WHERE r.state <> 'DONE' AND j.state IN ('PLANNED', 'RUNNING', 'REDUCING')
     ) AS seen GROUP BY region ORDER BY region`,
    [now - workerForgottenSeconds, now - daySeconds],
  );
  return new Map(rows.map(({ region, workers }) => [region, Number(workers)]));
}

const daySeconds = 86_400;
