import { asAddress, asDigest, asPermitId, type Digest, type JobId } from "@cos/protocol";
import type { Db } from "@cos/store";
import type { Attested, JobProgress, Lease, ReplicaKey, Task, TaskRecords, Tx } from "../../app/ports.ts";
import type { Slot } from "../../domain/decide-begin.ts";
import { queueChannel, queueRecords } from "./queue-records.ts";
import { createSweepRecords } from "./sweep-records.ts";

type TaskRow = {
  job_id: string;
  task_id: string;
  stage: 0 | 1;
  ordinal: number;
  description: string;
  input_bytes: bigint;
  max_output_bytes: bigint;
  cost: bigint;
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
  cost: Number(row.cost),
  output:
    row.output_digest === null
      ? undefined
      : { digest: asDigest(row.output_digest), sizeBytes: Number(row.output_bytes) },
});

/** Wakes the heartbeats of a job's tasks: one of them may be unwanted now. */
export const unwantedChannel = (jobId: JobId): string => `unwanted:${jobId}`;

/** Tasks and replicas in the orchestrator's schema. */
export function createTaskRecords(db: Db): TaskRecords {
  return {
    ...queueRecords,
    ...createSweepRecords(db),
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
        bounced: number;
      }>(
        `SELECT replica, state, worker, lease_until AS until, bounced FROM replica
         WHERE job_id = $1 AND task_id = $2 ORDER BY replica`,
        [jobId, taskId],
      );
      return rows.map(({ replica, state, worker, until, bounced }) => ({
        replica,
        state,
        worker: worker === null ? undefined : asAddress(worker),
        leaseUntil: Number(until),
        bounced,
      }));
    },
    outputs: async (tx, jobId, taskId) => (await outputsOf(tx, jobId, taskId)).get(taskId) ?? [],
    outputsOfJob: (tx, jobId) => outputsOf(tx, jobId, null),
    addSlot: async (tx, jobId, taskId, racesStraggler) => {
      await tx.query(
        `INSERT INTO replica (job_id, task_id, replica, state, races)
         SELECT $1, $2, max(replica) + 1, 'WAITING', $3 FROM replica WHERE job_id = $1 AND task_id = $2`,
        [jobId, taskId, racesStraggler],
      );
      tx.notify(queueChannel);
    },
    markTied: async (tx, jobId, taskId, at) => {
      await tx.query("UPDATE task SET tied_at = $3 WHERE job_id = $1 AND task_id = $2 AND tied_at IS NULL", [
        jobId,
        taskId,
        at,
      ]);
    },
    lease,
    byFence,
    extend: async (tx, fence, leaseUntil) => {
      await tx.query("UPDATE replica SET lease_until = $2 WHERE fence = $1 AND state = 'RUNNING'", [
        fence,
        leaseUntil,
      ]);
    },
    complete: async (tx, fence, { digest, sizeBytes, signature, bytesRead, computeSeconds }, at) => {
      await tx.query(
        `UPDATE replica SET state = 'DONE', output_digest = $2, output_bytes = $3, signature = $4, bytes_read = $5,
           compute_seconds = $6, done_at = $7 WHERE fence = $1 AND state = 'RUNNING'`,
        [fence, digest, sizeBytes, signature, bytesRead, computeSeconds, at],
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
    bounce: async (tx, { jobId, taskId, replica }, readyAt) => {
      await tx.query(
        `UPDATE replica SET state = 'WAITING', ready_at = $4, bounced = bounced + 1, unanswered = 0
         WHERE job_id = $1 AND task_id = $2 AND replica = $3 AND state = 'QUEUED'`,
        [jobId, taskId, replica, readyAt],
      );
      tx.notify(queueChannel);
    },
    requeue: async (tx, jobId, now) => {
      await tx.query(
        `UPDATE replica SET state = 'WAITING', worker = NULL, fence = NULL, ready_at = 0, unanswered = 0
         WHERE job_id = $1 AND (state = 'QUEUED' OR (state = 'RUNNING' AND lease_until <= $2))`,
        [jobId, now],
      );
      tx.notify(queueChannel);
    },
    settle: async (tx, jobId, taskId, { digest, sizeBytes }) => {
      await tx.query(
        "UPDATE task SET output_digest = $3, output_bytes = $4 WHERE job_id = $1 AND task_id = $2 AND output_digest IS NULL",
        [jobId, taskId, digest, sizeBytes],
      );
      const { rowCount } = await tx.query(
        `DELETE FROM replica WHERE (job_id, task_id, replica) IN (
           SELECT job_id, task_id, replica FROM replica WHERE job_id = $1 AND task_id = $2 AND state <> 'DONE'
           ORDER BY replica FOR UPDATE)`,
        [jobId, taskId],
      );
      if (rowCount > 0) tx.notify(unwantedChannel(jobId));
    },
    addFailure: async (tx, { jobId, taskId, worker }, fence, { code, retryable, at }) => {
      await tx.query(
        `INSERT INTO task_failure (fence, job_id, task_id, worker, code, retryable, at) VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT DO NOTHING`,
        [fence, jobId, taskId, worker, code, retryable, at],
      );
    },
    failures: async (tx, jobId, taskId) => {
      const { rows } = await tx.query<{ worker: string; code: string; retryable: boolean; at: bigint }>(
        "SELECT worker, code, retryable, at FROM task_failure WHERE job_id = $1 AND task_id = $2 ORDER BY fence",
        [jobId, taskId],
      );
      return rows.map(({ worker, at, ...rest }) => ({ ...rest, worker: asAddress(worker), at: Number(at) }));
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
    `INSERT INTO task (job_id, task_id, stage, ordinal, description, input_bytes, max_output_bytes, cost)
     SELECT $1, * FROM unnest($2::text[], $3::int[], $4::int[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[])`,
    [
      jobId,
      tasks.map((task) => task.taskId),
      tasks.map((task) => task.stage),
      tasks.map((task) => task.ordinal),
      tasks.map((task) => task.description),
      tasks.map((task) => task.inputBytes),
      tasks.map((task) => task.maxOutputBytes),
      tasks.map((task) => task.cost),
    ],
  );
};

async function lease(
  tx: Tx,
  { jobId, taskId, replica }: ReplicaKey,
  worker: string,
  at: number,
  leaseUntil: number,
): Promise<bigint> {
  const { rows } = await tx.query<{ fence: bigint }>(
    `UPDATE replica SET state = 'RUNNING', worker = $4, lease_until = $5, fence = nextval('fence'), begun_at = $6,
       bounced = 0, unanswered = 0
     WHERE job_id = $1 AND task_id = $2 AND replica = $3 AND state <> 'DONE' RETURNING fence`,
    [jobId, taskId, replica, worker, leaseUntil, at],
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
