import { asAddress, asDigest, asPermitId, type Digest, type JobId } from "@cos/protocol";
import type { Db } from "@cos/store";
import type { Attested, JobProgress, Lease, ReplicaKey, Task, TaskRecords, Tx } from "../../app/ports.ts";
import type { Slot } from "../../domain/decide-begin.ts";

type TaskRow = {
  job_id: string;
  task_id: string;
  stage: 0 | 1;
  ordinal: number;
  description: string;
  input_bytes: bigint;
  max_output_bytes: bigint;
  output_digest: string | null;
  output_bytes: bigint | null;
};

const toTask = (row: TaskRow): Task => ({
  jobId: asPermitId(row.job_id),
  taskId: asDigest(row.task_id),
  stage: row.stage,
  ordinal: row.ordinal,
  description: row.description,
  inputBytes: Number(row.input_bytes),
  maxOutputBytes: Number(row.max_output_bytes),
  output:
    row.output_digest === null
      ? undefined
      : { digest: asDigest(row.output_digest), sizeBytes: Number(row.output_bytes) },
});

/** Wakes the loop that publishes tasks. */
export const queueChannel = "queue";

const working = "('PLANNED', 'RUNNING', 'REDUCING')";

/** Tasks and replicas in the orchestrator's schema. */
export function createTaskRecords(db: Db): TaskRecords {
  return {
    addTasks,
    find: async (tx, jobId, taskId) => {
      const { rows } = await tx.query<TaskRow>("SELECT * FROM task WHERE job_id = $1 AND task_id = $2", [
        jobId,
        taskId,
      ]);
      return rows[0] && toTask(rows[0]);
    },
    ofJob: async (tx, jobId) => {
      const { rows } = await tx.query<TaskRow>("SELECT * FROM task WHERE job_id = $1 ORDER BY ordinal", [
        jobId,
      ]);
      return rows.map(toTask);
    },
    unsettled: async (tx, jobId, stage) => {
      const { rows } = await tx.query<{ n: bigint }>(
        "SELECT count(*) AS n FROM task WHERE job_id = $1 AND stage = $2 AND output_digest IS NULL",
        [jobId, stage],
      );
      return Number(rows[0]?.n ?? 0n);
    },
    openStage: async (tx, jobId, stage, replicas) => {
      await tx.query(
        `INSERT INTO replica (job_id, task_id, replica, state)
         SELECT job_id, task_id, n, 'WAITING' FROM task, generate_series(0, $3::int - 1) AS n
         WHERE job_id = $1 AND stage = $2 ON CONFLICT DO NOTHING`,
        [jobId, stage, replicas],
      );
      tx.notify(queueChannel);
    },
    slots: async (tx, jobId, taskId) => {
      const { rows } = await tx.query<{
        replica: number;
        state: Slot["state"];
        worker: string | null;
        until: bigint;
      }>(
        `SELECT replica, state, worker, lease_until AS until FROM replica
         WHERE job_id = $1 AND task_id = $2 ORDER BY replica`,
        [jobId, taskId],
      );
      return rows.map(({ replica, state, worker, until }) => ({
        replica,
        state,
        worker: worker === null ? undefined : asAddress(worker),
        leaseUntil: Number(until),
      }));
    },
    outputs: async (tx, jobId, taskId) => (await outputsOf(tx, jobId, taskId)).get(taskId) ?? [],
    outputsOfJob: (tx, jobId) => outputsOf(tx, jobId, null),
    addReplica: async (tx, { jobId, taskId, replica }) => {
      await tx.query(
        `INSERT INTO replica (job_id, task_id, replica, state) VALUES ($1, $2, $3, 'WAITING') ON CONFLICT DO NOTHING`,
        [jobId, taskId, replica],
      );
      tx.notify(queueChannel);
    },
    lease,
    byFence,
    extend: async (tx, fence, leaseUntil) => {
      await tx.query("UPDATE replica SET lease_until = $2 WHERE fence = $1 AND state = 'RUNNING'", [
        fence,
        leaseUntil,
      ]);
    },
    complete: async (tx, fence, { digest, sizeBytes, signature, bytesRead, computeSeconds }) => {
      await tx.query(
        `UPDATE replica SET state = 'DONE', output_digest = $2, output_bytes = $3, signature = $4, bytes_read = $5,
           compute_seconds = $6 WHERE fence = $1 AND state = 'RUNNING'`,
        [fence, digest, sizeBytes, signature, bytesRead, computeSeconds],
      );
      tx.notify(queueChannel);
    },
    release: async (tx, { jobId, taskId, replica }, readyAt) => {
      await tx.query(
        `UPDATE replica SET state = 'WAITING', worker = NULL, fence = NULL, ready_at = $4
         WHERE job_id = $1 AND task_id = $2 AND replica = $3 AND state <> 'DONE'`,
        [jobId, taskId, replica, readyAt],
      );
      tx.notify(queueChannel);
    },
    requeue: async (tx, jobId) => {
      await tx.query(
        "UPDATE replica SET state = 'WAITING', ready_at = 0 WHERE job_id = $1 AND state = 'QUEUED'",
        [jobId],
      );
      tx.notify(queueChannel);
    },
    settle: async (tx, jobId, taskId, { digest, sizeBytes }) => {
      await tx.query(
        "UPDATE task SET output_digest = $3, output_bytes = $4 WHERE job_id = $1 AND task_id = $2 AND output_digest IS NULL",
        [jobId, taskId, digest, sizeBytes],
      );
    },
    addFailure: async (tx, { jobId, taskId, worker }, fence, { code, retryable, at }) => {
      await tx.query(
        `INSERT INTO task_failure (fence, job_id, task_id, worker, code, retryable, at) VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT DO NOTHING`,
        [fence, jobId, taskId, worker, code, retryable, at],
      );
    },
    failures: async (tx, jobId, taskId) => {
      const { rows } = await tx.query<{ worker: string; code: string; retryable: boolean }>(
        "SELECT worker, code, retryable FROM task_failure WHERE job_id = $1 AND task_id = $2 ORDER BY fence",
        [jobId, taskId],
      );
      return rows.map(({ worker, code, retryable }) => ({ worker: asAddress(worker), code, retryable }));
    },
    queue,
    markQueued: async (tx, keys, now, lastServed) => {
      await tx.query(
        `UPDATE replica r SET state = 'QUEUED', queued_at = $4, published = published + 1,
           first_queued_at = coalesce(first_queued_at, $4)
         FROM unnest($1::text[], $2::text[], $3::int[]) AS k (job_id, task_id, replica)
         WHERE r.job_id = k.job_id AND r.task_id = k.task_id AND r.replica = k.replica AND r.state = 'WAITING'`,
        [keys.map((key) => key.jobId), keys.map((key) => key.taskId), keys.map((key) => key.replica), now],
      );
      await tx.query("UPDATE turn SET last_served = $1 WHERE id = 1", [lastServed ?? null]);
    },
    reclaim: async (tx, now, republishSeconds) => {
      const { rowCount } = await tx.query(
        `UPDATE replica r SET state = 'WAITING', worker = NULL, fence = NULL, ready_at = $1
         FROM job j WHERE j.job_id = r.job_id AND j.state IN ${working} AND NOT j.paused
           AND ((r.state = 'RUNNING' AND r.lease_until <= $1)
             OR (r.state = 'QUEUED' AND r.queued_at + $2::bigint * (1 << least(r.published - 1, 8)) <= $1))`,
        [now, republishSeconds],
      );
      if (rowCount > 0) tx.notify(queueChannel);
      return rowCount;
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
    stuckTieBreakers: async (before) => {
      const { rows } = await db.query<{ job_id: string; task_id: string; replica: number }>(
        `SELECT r.job_id, r.task_id, r.replica FROM replica r JOIN job j USING (job_id)
         WHERE j.state IN ${working} AND NOT j.paused AND r.replica >= j.wanted AND r.state IN ('WAITING', 'QUEUED')
           AND r.first_queued_at <= $1`,
        [before],
      );
      return rows.map(({ job_id, task_id, replica }) => ({
        jobId: asPermitId(job_id),
        taskId: asDigest(task_id),
        replica,
      }));
    },
    progress: async (jobIds) => {
      const { rows } = await db.query<{
        job_id: string;
        total: bigint;
        done: bigint;
        bytes: string;
        seconds: number;
      }>(
        `SELECT j.job_id, coalesce(sum(greatest(r.n, CASE WHEN t.stage = 1 THEN j.wanted ELSE 0 END)), 0)::bigint AS total,
           coalesce(sum(r.done), 0)::bigint AS done, coalesce(sum(r.bytes), 0) AS bytes,
           coalesce(sum(r.seconds), 0)::float8 AS seconds
         FROM job j JOIN task t USING (job_id)
         LEFT JOIN LATERAL (SELECT count(*) AS n, count(*) FILTER (WHERE state = 'DONE') AS done,
             sum(bytes_read) AS bytes, sum(compute_seconds) AS seconds
           FROM replica WHERE replica.job_id = t.job_id AND replica.task_id = t.task_id) r ON true
         WHERE j.job_id = ANY($1::text[]) GROUP BY j.job_id`,
        [jobIds],
      );
      return new Map<JobId, JobProgress>(
        rows.map(({ job_id, total, done, bytes, seconds }) => [
          asPermitId(job_id),
          {
            tasksTotal: Number(total),
            tasksDone: Number(done),
            bytesRead: Number(bytes),
            computeSeconds: seconds,
          },
        ]),
      );
    },
  };
}

/** Finished replicas by task, in order of replica number. */
async function outputsOf(tx: Tx, jobId: JobId, taskId: Digest | null): Promise<Map<Digest, Attested[]>> {
  const { rows } = await tx.query<{
    task_id: string;
    worker: string;
    output_digest: string;
    size: bigint;
    signature: string;
  }>(
    `SELECT task_id, worker, output_digest, output_bytes AS size, signature FROM replica
     WHERE job_id = $1 AND ($2::text IS NULL OR task_id = $2) AND state = 'DONE' ORDER BY replica`,
    [jobId, taskId],
  );
  const outputs = new Map<Digest, Attested[]>();
  for (const row of rows) {
    const attested = {
      worker: asAddress(row.worker),
      digest: asDigest(row.output_digest),
      sizeBytes: Number(row.size),
      signature: row.signature,
    };
    const id = asDigest(row.task_id);
    outputs.set(id, [...(outputs.get(id) ?? []), attested]);
  }
  return outputs;
}

const addTasks: TaskRecords["addTasks"] = async (tx, jobId, tasks) => {
  await tx.query(
    `INSERT INTO task (job_id, task_id, stage, ordinal, description, input_bytes, max_output_bytes)
     SELECT $1, * FROM unnest($2::text[], $3::int[], $4::int[], $5::text[], $6::bigint[], $7::bigint[])`,
    [
      jobId,
      tasks.map((task) => task.taskId),
      tasks.map((task) => task.stage),
      tasks.map((task) => task.ordinal),
      tasks.map((task) => task.description),
      tasks.map((task) => task.inputBytes),
      tasks.map((task) => task.maxOutputBytes),
    ],
  );
};

async function lease(
  tx: Tx,
  { jobId, taskId, replica }: ReplicaKey,
  worker: string,
  leaseUntil: number,
): Promise<bigint> {
  const { rows } = await tx.query<{ fence: bigint }>(
    `UPDATE replica SET state = 'RUNNING', worker = $4, lease_until = $5, fence = nextval('fence')
     WHERE job_id = $1 AND task_id = $2 AND replica = $3 AND state <> 'DONE' RETURNING fence`,
    [jobId, taskId, replica, worker, leaseUntil],
  );
  if (!rows[0]) throw new Error("a replica that was free under its lock is gone");
  return rows[0].fence;
}

const maxFence = 2n ** 63n - 1n;

async function byFence(tx: Tx, fence: bigint): Promise<Lease | undefined> {
  if (fence < 1n || fence > maxFence) return undefined;
  const { rows } = await tx.query<{
    job_id: string;
    task_id: string;
    replica: number;
    state: Slot["state"];
    worker: string;
    output_digest: string | null;
  }>("SELECT job_id, task_id, replica, state, worker, output_digest FROM replica WHERE fence = $1", [fence]);
  const row = rows[0];
  return (
    row && {
      jobId: asPermitId(row.job_id),
      taskId: asDigest(row.task_id),
      replica: row.replica,
      state: row.state,
      worker: asAddress(row.worker),
      output: row.output_digest === null ? undefined : asDigest(row.output_digest),
    }
  );
}

const queue: TaskRecords["queue"] = async (tx, now, perGrantee) => {
  const turn = await tx.query<{ last_served: string | null }>(
    "SELECT last_served FROM turn WHERE id = 1 FOR UPDATE",
  );
  const outstanding = await tx.query<{ grantee: string; n: bigint }>(
    `SELECT j.grantee, count(*) AS n FROM replica r JOIN job j USING (job_id)
     WHERE r.state IN ('QUEUED', 'RUNNING') AND j.state IN ${working} GROUP BY j.grantee`,
  );
  const waiting = await tx.query<{
    job_id: string;
    task_id: string;
    replica: number;
    region: string;
    input_bytes: bigint;
    published: number;
    grantee: string;
  }>(
    `SELECT * FROM (
       SELECT r.job_id, r.task_id, r.replica, r.published, j.region, t.input_bytes, j.grantee,
         row_number() OVER (PARTITION BY j.grantee ORDER BY j.seq, t.ordinal, r.replica) AS place
       FROM replica r JOIN job j USING (job_id) JOIN task t USING (job_id, task_id)
       WHERE r.state = 'WAITING' AND r.ready_at <= $1 AND j.state IN ${working} AND NOT j.paused) q
     WHERE place <= $2 ORDER BY place`,
    [now, perGrantee],
  );
  return {
    lastServed: turn.rows[0]?.last_served ?? undefined,
    outstanding: new Map(outstanding.rows.map(({ grantee, n }) => [grantee, Number(n)])),
    waiting: waiting.rows.map((row) => ({
      grantee: row.grantee,
      key: {
        jobId: asPermitId(row.job_id),
        taskId: asDigest(row.task_id),
        replica: row.replica,
        region: row.region,
        inputBytes: Number(row.input_bytes),
        published: row.published,
      },
    })),
  };
};
