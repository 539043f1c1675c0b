import { asAddress, asDigest, asPermitId } from "@cos/protocol";
import type { Db } from "@cos/store";
import type { TaskRecords } from "../../app/ports.ts";
import { queueChannel, working } from "./queue-records.ts";

/** A published replica that nobody answered for too long. Parameters: `$1` now, `$2` seconds. */
const unanswered =
  "(r.state = 'QUEUED' AND r.queued_at + $2::bigint * (1 << greatest(0, least(r.unanswered - 1, 8))) <= $1)";

/** What the sweeper looks for. Changes go job by job, under the job's lock, as everybody else's do. */
export const createSweepRecords = (
  db: Db,
): Pick<
  TaskRecords,
  | "neglected"
  | "lostLeases"
  | "endLeases"
  | "requeueUnanswered"
  | "extendAll"
  | "swept"
  | "running"
  | "races"
  | "stalled"
  | "stuckTies"
> => ({
  neglected: async (now, republishSeconds, limit) => {
    const { rows } = await db.query<{ job_id: string }>(
      `SELECT DISTINCT r.job_id FROM replica r JOIN job j USING (job_id)
       WHERE NOT j.paused
         AND ((r.state = 'RUNNING' AND r.lease_until <= $1) OR (j.state IN ${working} AND ${unanswered})) LIMIT $3`,
      [now, republishSeconds, limit],
    );
    return rows.map((row) => asPermitId(row.job_id));
  },
  lostLeases: async (tx, jobId, now) => {
    const { rows } = await tx.query<{ task_id: string; replica: number; worker: string; fence: bigint }>(
      `SELECT task_id, replica, worker, fence FROM replica
       WHERE job_id = $1 AND state = 'RUNNING' AND lease_until <= $2 ORDER BY task_id, replica`,
      [jobId, now],
    );
    return rows.map(({ task_id, replica, worker, fence }) => ({
      jobId,
      taskId: asDigest(task_id),
      replica,
      worker: asAddress(worker),
      fence,
      state: "RUNNING",
      output: undefined,
    }));
  },
  endLeases: async (tx, jobId, now) => {
    await tx.query(
      `UPDATE replica SET state = 'WAITING', worker = NULL, fence = NULL
       WHERE job_id = $1 AND state = 'RUNNING' AND lease_until <= $2`,
      [jobId, now],
    );
  },
  requeueUnanswered: async (tx, jobId, now, republishSeconds) => {
    const { rowCount } = await tx.query(
      `UPDATE replica r SET state = 'WAITING', ready_at = $1 WHERE r.job_id = $3 AND ${unanswered}`,
      [now, republishSeconds, jobId],
    );
    if (rowCount > 0) tx.notify(queueChannel);
    return rowCount;
  },
  extendAll: async (tx, until) => {
    const { rowCount } = await tx.query(
      `UPDATE replica SET lease_until = $1 WHERE (job_id, task_id, replica) IN (
         SELECT job_id, task_id, replica FROM replica WHERE state = 'RUNNING' AND lease_until < $1
         ORDER BY job_id, task_id, replica FOR UPDATE SKIP LOCKED)`,
      [until],
    );
    return rowCount;
  },
  swept: async (tx, at) => {
    const { rows } = await tx.query<{ swept_at: bigint }>(
      "SELECT swept_at FROM turn WHERE id = 1 FOR UPDATE",
    );
    await tx.query("UPDATE turn SET swept_at = greatest(swept_at, $1) WHERE id = 1", [at]);
    return Number(rows[0]?.swept_at ?? 0n);
  },
  running: async (before, now) => {
    const { rows } = await db.query<{
      job_id: string;
      task_id: string;
      replica: number;
      begun_at: bigint;
      cost: bigint;
      pace: number | null;
    }>(
      `SELECT r.job_id, r.task_id, r.replica, r.begun_at, t.cost, p.pace
       FROM replica r JOIN job j USING (job_id) JOIN task t USING (job_id, task_id)
       LEFT JOIN LATERAL (
         SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY (d.done_at - d.begun_at)::float8 / greatest(dt.cost, 1)) AS pace
         FROM replica d JOIN task dt USING (job_id, task_id)
         WHERE d.job_id = r.job_id AND dt.stage = t.stage AND d.done_at IS NOT NULL) p ON true
       WHERE r.state = 'RUNNING' AND r.begun_at <= $1 AND r.lease_until > $2 AND j.state IN ${working} AND NOT j.paused
         AND t.output_digest IS NULL
         AND NOT EXISTS (SELECT FROM replica s WHERE s.job_id = r.job_id AND s.task_id = r.task_id AND s.races)
       ORDER BY r.begun_at LIMIT 200`,
      [before, now],
    );
    return rows.map((row) => ({
      jobId: asPermitId(row.job_id),
      taskId: asDigest(row.task_id),
      replica: row.replica,
      begunAt: Number(row.begun_at),
      cost: Number(row.cost),
      medianPace: row.pace ?? undefined,
    }));
  },
  races: async (tx, jobId) => {
    const { rows } = await tx.query<{ running: bigint; racing: bigint }>(
      `SELECT count(*) FILTER (WHERE state = 'RUNNING') AS running, count(*) FILTER (WHERE races AND state <> 'DONE') AS racing
       FROM replica WHERE job_id = $1`,
      [jobId],
    );
    return { running: Number(rows[0]?.running ?? 0n), racing: Number(rows[0]?.racing ?? 0n) };
  },
  stalled: async (limit) => {
    const { rows } = await db.query<{ job_id: string }>(
      `SELECT j.job_id FROM job j WHERE j.state IN ('RUNNING', 'REDUCING') AND NOT j.paused
         AND NOT EXISTS (SELECT FROM replica r WHERE r.job_id = j.job_id AND r.state <> 'DONE')
         AND EXISTS (SELECT FROM task t WHERE t.job_id = j.job_id AND t.stage = 1 AND t.output_digest IS NULL)
       ORDER BY j.seq LIMIT $1`,
      [limit],
    );
    return rows.map((row) => asPermitId(row.job_id));
  },
  stuckTies: async (before) => {
    const { rows } = await db.query<{ job_id: string; task_id: string }>(
      `SELECT t.job_id, t.task_id FROM task t JOIN job j USING (job_id)
       WHERE j.state IN ${working} AND NOT j.paused AND t.tied_at <= $1 AND t.output_digest IS NULL
         AND NOT EXISTS (SELECT FROM replica r WHERE r.job_id = t.job_id AND r.task_id = t.task_id AND r.state = 'RUNNING')`,
      [before],
    );
    return rows.map((row) => ({ jobId: asPermitId(row.job_id), taskId: asDigest(row.task_id) }));
  },
});
