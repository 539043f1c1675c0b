import { asAddress, asDigest, asPermitId } from "@cos/protocol";
import type { PlacedReplica, ReplicaKey, TaskRecords } from "../../app/ports.ts";
import { workerLost } from "../../domain/decide-failure.ts";

/** Wakes the loop that publishes tasks. */
export const queueChannel = "queue";

/** States of a job whose tasks workers should run. */
export const working = "('PLANNED', 'RUNNING', 'REDUCING')";

/** Tasks with which so many workers were lost go out alone. */
const suspectAfter = 2;
const suspect = `(SELECT count(*) FROM task_failure f WHERE f.job_id = r.job_id AND f.task_id = r.task_id
  AND f.code = '${workerLost}') >= ${suspectAfter}`;

type QueueRow = {
  job_id: string;
  task_id: string;
  replica: number;
  region: string;
  input_bytes: bigint;
  published: number;
  grantee: string;
  suspect: boolean;
};

const toReplica = (row: QueueRow) => ({
  jobId: asPermitId(row.job_id),
  taskId: asDigest(row.task_id),
  replica: row.replica,
  region: row.region,
  inputBytes: Number(row.input_bytes),
  published: row.published,
});

const taskKey = ({ jobId, taskId }: Pick<ReplicaKey, "jobId" | "taskId">): string => `${jobId}/${taskId}`;

/** What the dispatcher reads and writes, under the lock of the queue. */
export const queueRecords: Pick<
  TaskRecords,
  "lockQueue" | "outstanding" | "waiting" | "barred" | "markQueued"
> = {
  lockQueue: async (tx) => {
    const { rows } = await tx.query<{ last_served: string | null }>(
      "SELECT last_served FROM turn WHERE id = 1 FOR UPDATE",
    );
    return rows[0]?.last_served ?? undefined;
  },
  outstanding: async (tx) => {
    const { rows } = await tx.query<
      QueueRow & {
        state: "QUEUED" | "RUNNING";
        worker: string | null;
        partition: number | null;
        queued_at: bigint;
        unanswered: number;
      }
    >(
      `SELECT r.job_id, r.task_id, r.replica, r.state, r.worker, r.partition, r.queued_at, r.unanswered, r.published,
         j.region, j.grantee, t.input_bytes, ${suspect} AS suspect
       FROM replica r JOIN job j USING (job_id) JOIN task t USING (job_id, task_id)
       WHERE r.state IN ('QUEUED', 'RUNNING') AND j.state IN ${working} ORDER BY r.queued_at`,
    );
    return rows.map((row) => ({
      ...toReplica(row),
      grantee: row.grantee,
      state: row.state,
      worker: row.worker === null ? undefined : asAddress(row.worker),
      partition: row.partition ?? undefined,
      queuedAt: Number(row.queued_at),
      unanswered: row.unanswered,
      suspect: row.suspect,
    }));
  },
  waiting: async (tx, now, perGrantee) => {
    const { rows } = await tx.query<QueueRow>(
      `SELECT q.* FROM (SELECT DISTINCT grantee FROM job WHERE state IN ${working} AND NOT paused) g
       CROSS JOIN LATERAL (
         SELECT r.job_id, r.task_id, r.replica, r.published, j.region, j.grantee, t.input_bytes, ${suspect} AS suspect,
           row_number() OVER (ORDER BY j.seq, t.ordinal, r.replica) AS place
         FROM job j JOIN replica r USING (job_id) JOIN task t USING (job_id, task_id)
         WHERE j.grantee = g.grantee AND j.state IN ${working} AND NOT j.paused
           AND r.state = 'WAITING' AND r.ready_at <= $1
         ORDER BY place LIMIT $2) q
       ORDER BY q.place`,
      [now, perGrantee],
    );
    return rows.map((row) => ({
      key: toReplica(row),
      grantee: row.grantee,
      region: row.region,
      suspect: row.suspect,
    }));
  },
  barred: async (tx, keys) => {
    const { rows } = await tx.query<{ job_id: string; task_id: string; worker: string }>(
      `SELECT k.job_id, k.task_id, w.worker FROM
         (SELECT DISTINCT * FROM unnest($1::text[], $2::text[]) AS k (job_id, task_id)) k
       CROSS JOIN LATERAL (
         SELECT r.worker FROM replica r
         WHERE r.job_id = k.job_id AND r.task_id = k.task_id AND r.state IN ('RUNNING', 'DONE')
         UNION SELECT f.worker FROM task_failure f WHERE f.job_id = k.job_id AND f.task_id = k.task_id) w`,
      [keys.map((key) => key.jobId), keys.map((key) => key.taskId)],
    );
    const barred = new Map<string, Set<string>>();
    for (const row of rows) {
      const key = taskKey({ jobId: asPermitId(row.job_id), taskId: asDigest(row.task_id) });
      barred.set(key, (barred.get(key) ?? new Set()).add(row.worker));
    }
    return barred;
  },
  markQueued: async (tx, placed, now, lastServed) => {
    const marked: PlacedReplica[] = [];
    // Rows that another transaction holds are being begun or settled: they need no message.
    const { rows } = await tx.query<{ at: bigint }>(
      `WITH free AS (
         SELECT r.job_id, r.task_id, r.replica, k.partition, k.at
         FROM unnest($1::text[], $2::text[], $3::int[], $4::int[]) WITH ORDINALITY AS k (job_id, task_id, replica, partition, at)
         JOIN replica r USING (job_id, task_id, replica) WHERE r.state = 'WAITING' FOR UPDATE OF r SKIP LOCKED)
       UPDATE replica r SET state = 'QUEUED', queued_at = $5, published = published + 1, unanswered = unanswered + 1,
         partition = free.partition, first_queued_at = coalesce(first_queued_at, $5)
       FROM free WHERE r.job_id = free.job_id AND r.task_id = free.task_id AND r.replica = free.replica
       RETURNING free.at`,
      [
        placed.map((one) => one.jobId),
        placed.map((one) => one.taskId),
        placed.map((one) => one.replica),
        placed.map((one) => one.partition),
        now,
      ],
    );
    for (const { at } of rows) marked.push(placed[Number(at) - 1] as PlacedReplica);
    await tx.query("UPDATE turn SET last_served = $1 WHERE id = 1", [lastServed ?? null]);
    return marked;
  },
};
