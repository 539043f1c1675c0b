import { asDigest, asPermitId, type Digest, type JobId } from "@cos/protocol";
import type { Db, Queryable } from "@cos/store";
import type { JobRecords, LogPosition, Tx } from "../../app/ports.ts";
import type { PermitTerms, StopEnd, StopTarget } from "../../domain/chain-effect.ts";
import type { Job, ResultRef } from "../../domain/job.ts";
import { type JobState, statesBefore, wantsWork } from "../../domain/job-state.ts";
import { unwantedChannel } from "./task-records.ts";

type JobRow = {
  job_id: string;
  state: JobState;
  paused: boolean;
  lost_at_block: bigint | null;
  reason: string;
  facts: Record<string, unknown>;
  stopped_by: string | null;
  terms: PermitTerms;
  region: string;
  wanted: number;
  begun: boolean;
  reducing: boolean;
  plan_digest: string | null;
  result_commitment: string | null;
  result_uri: string | null;
  posted_commitment: string | null;
  posted_uri: string | null;
  created_at: bigint;
};

const resultOf = (commitment: string | null, uri: string | null): ResultRef | undefined =>
  commitment === null ? undefined : { commitment: asDigest(commitment), uri: uri ?? "" };

const toJob = (row: JobRow): Job => ({
  jobId: asPermitId(row.job_id),
  state: row.state,
  paused: row.paused,
  lostAtBlock: row.lost_at_block === null ? undefined : Number(row.lost_at_block),
  reason: row.reason,
  facts: row.facts,
  stoppedBy: row.stopped_by ?? undefined,
  terms: row.terms,
  region: row.region,
  wanted: row.wanted,
  progress: {
    planned: row.plan_digest !== null,
    begun: row.begun,
    reducing: row.reducing,
    completed: row.result_commitment !== null,
  },
  planDigest: row.plan_digest === null ? undefined : asDigest(row.plan_digest),
  result: resultOf(row.result_commitment, row.result_uri),
  posted: resultOf(row.posted_commitment, row.posted_uri),
  createdAt: Number(row.created_at),
});

const idsOf = (rows: readonly { job_id: string }[]): JobId[] => rows.map((row) => asPermitId(row.job_id));

/** Jobs in the orchestrator's schema. `onTransition` hears of each transition when it is written, for the log. */
export function createJobRecords(
  db: Db,
  onTransition: (jobId: JobId, state: JobState) => void = () => {},
): JobRecords {
  const one = async (from: Queryable, jobId: JobId, suffix = "") => {
    const { rows } = await from.query<JobRow>(`SELECT * FROM job WHERE job_id = $1 ${suffix}`, [jobId]);
    return rows[0] && toJob(rows[0]);
  };
  return {
    insert: insertJob,
    lock: (tx, jobId) => one(tx, jobId, "FOR UPDATE"),
    find: (jobId, tx) => one(tx ?? db, jobId),
    list: async ({ grantee, datasetId, limit }) => {
      const { rows } = await db.query<JobRow>(
        `SELECT job.* FROM job
         WHERE ($1::text IS NULL OR grantee = $1)
           AND ($2::text IS NULL OR job_id IN (SELECT job_id FROM job_dataset WHERE dataset_id = $2))
         ORDER BY seq DESC LIMIT $3`,
        [grantee ?? null, datasetId ?? null, limit],
      );
      return rows.map(toJob);
    },
    transitions: async (jobIds) => {
      const { rows } = await db.query<{ job_id: string; state: JobState; at: bigint }>(
        "SELECT job_id, state, at FROM job_transition WHERE job_id = ANY($1::text[]) ORDER BY n",
        [jobIds],
      );
      const found = new Map<JobId, { state: JobState; at: number }[]>(jobIds.map((jobId) => [jobId, []]));
      for (const { job_id, state, at } of rows)
        found.get(asPermitId(job_id))?.push({ state, at: Number(at) });
      return found;
    },
    save: saveJob,
    addTransition: async (tx, jobId, state, at) => {
      await tx.query("INSERT INTO job_transition (job_id, state, at) VALUES ($1, $2, $3)", [
        jobId,
        state,
        at,
      ]);
      onTransition(jobId, state);
      wake(tx, jobId);
      if (!wantsWork(state)) tx.notify(unwantedChannel(jobId));
    },
    moveIssue: async (tx, jobId, { block, logIndex }) => {
      await tx.query("UPDATE job SET issue_block = $2, issue_log_index = $3 WHERE job_id = $1", [
        jobId,
        block,
        logIndex,
      ]);
    },
    savePlan: async (tx, jobId, region, { planDigest, inputsRoot, contextDigest }) => {
      await tx.query(
        `UPDATE job SET region = $2, plan_digest = $3, inputs_root = $4, context_digest = $5, attempts = 0, retry_at = 0
         WHERE job_id = $1`,
        [jobId, region, planDigest, inputsRoot, contextDigest],
      );
    },
    planOf: async (jobId) => {
      const { rows } = await db.query<{ plan: string | null; inputs: string; context: string }>(
        "SELECT plan_digest AS plan, inputs_root AS inputs, context_digest AS context FROM job WHERE job_id = $1",
        [jobId],
      );
      const row = rows[0];
      if (!row || row.plan === null) return undefined;
      const digests = [row.plan, row.inputs, row.context].map(asDigest) as [Digest, Digest, Digest];
      return { planDigest: digests[0], inputsRoot: digests[1], contextDigest: digests[2] };
    },
    matching,
    addStop: async (tx, jobId, { logKey, end, reason }) => {
      await tx.query(
        "INSERT INTO job_stop (job_id, log_key, outcome, reason) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        [jobId, logKey, end, reason],
      );
    },
    removeStop: async (tx, logKey) => {
      const { rows } = await tx.query<{ job_id: string }>(
        "DELETE FROM job_stop WHERE log_key = $1 RETURNING job_id",
        [logKey],
      );
      return idsOf(rows);
    },
    stops: async (tx, jobId) => {
      const { rows } = await tx.query<{ log_key: string; outcome: StopEnd; reason: string }>(
        "SELECT log_key, outcome, reason FROM job_stop WHERE job_id = $1 ORDER BY log_key",
        [jobId],
      );
      return rows.map(({ log_key, outcome, reason }) => ({ logKey: log_key, end: outcome, reason }));
    },
    due: async (state, now, limit) => {
      const { rows } = await db.query<{ job_id: string }>(
        `SELECT job_id FROM job WHERE state = $1 AND NOT paused AND retry_at <= $2
         ORDER BY row_number() OVER (PARTITION BY grantee ORDER BY seq), seq LIMIT $3`,
        [state, now, limit],
      );
      return idsOf(rows);
    },
    postpone: async (jobId, retryAt) => {
      const { rows } = await db.query<{ attempts: number }>(
        "UPDATE job SET attempts = attempts + 1 WHERE job_id = $1 RETURNING attempts",
        [jobId],
      );
      const attempts = rows[0]?.attempts ?? 0;
      await db.query("UPDATE job SET retry_at = $2 WHERE job_id = $1", [jobId, retryAt(attempts)]);
      return attempts;
    },
    overdue: async (now, limit) => {
      const { rows } = await db.query<{ job_id: string }>(
        "SELECT job_id FROM job WHERE state = ANY($1::text[]) AND expiry <= $2 ORDER BY seq LIMIT $3",
        [statesBefore("expire"), now, limit],
      );
      return idsOf(rows);
    },
    paused: async () => {
      const { rows } = await db.query<{ job_id: string; lost_at_block: bigint }>(
        "SELECT job_id, lost_at_block FROM job WHERE paused AND lost_at_block IS NOT NULL",
      );
      return rows.map((row) => ({ jobId: asPermitId(row.job_id), lostAtBlock: Number(row.lost_at_block) }));
    },
    changed: wake,
  };
}

/** Wakes whoever watches one job. */
export const jobChannel = (jobId: JobId): string => `job:${jobId}`;
/** Wakes the loops that move jobs on. */
export const jobsChannel = "jobs";

function wake(tx: Tx, jobId: JobId): void {
  tx.notify(jobChannel(jobId));
  tx.notify(jobsChannel);
}

async function insertJob(tx: Tx, job: Parameters<JobRecords["insert"]>[1]): Promise<boolean> {
  const { terms, region, wanted, at, issued } = job;
  const { rowCount } = await tx.query(
    `INSERT INTO job (job_id, state, terms, grantee, region, wanted, expiry, issue_block, issue_log_index, created_at)
     VALUES ($1, 'PERMITTED', $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
    [terms.permitId, terms, terms.grantee, region, wanted, terms.expiry, issued.block, issued.logIndex, at],
  );
  if (rowCount === 0) return false;
  for (const { grantId, datasetId, version } of terms.datasets) {
    await tx.query(
      "INSERT INTO job_dataset (job_id, grant_id, dataset_id, version) VALUES ($1, $2, $3, $4)",
      [terms.permitId, grantId, datasetId, version],
    );
  }
  return true;
}

async function saveJob(tx: Tx, job: Job, from: JobState): Promise<boolean> {
  const { rowCount } = await tx.query(
    `UPDATE job SET state = $3, paused = $4, lost_at_block = $5, reason = $6, facts = $7, stopped_by = $8, begun = $9,
       reducing = $10, result_commitment = $11, result_uri = $12, posted_commitment = $13, posted_uri = $14
     WHERE job_id = $1 AND state = $2`,
    [
      job.jobId,
      from,
      job.state,
      job.paused,
      job.lostAtBlock ?? null,
      job.reason,
      job.facts,
      job.stoppedBy ?? null,
      job.progress.begun,
      job.progress.reducing,
      job.result?.commitment ?? null,
      job.result?.uri ?? null,
      job.posted?.commitment ?? null,
      job.posted?.uri ?? null,
    ],
  );
  return rowCount === 1;
}

async function matching(tx: Tx, target: StopTarget, position: LogPosition): Promise<JobId[]> {
  if (target.by === "permit") {
    const { rows } = await tx.query<{ job_id: string }>("SELECT job_id FROM job WHERE job_id = $1", [
      target.permitId,
    ]);
    return idsOf(rows);
  }
  const [condition, value, before] =
    target.by === "grant"
      ? ["d.grant_id = $1", target.grantId, null]
      : target.by === "dataset"
        ? ["d.dataset_id = $1", target.datasetId, null]
        : ["d.dataset_id = $1", target.datasetId, target.before];
  const { rows } = await tx.query<{ job_id: string }>(
    `SELECT j.job_id FROM job j JOIN job_dataset d USING (job_id)
     WHERE ${condition} AND ($2::int IS NULL OR d.version < $2)
       AND (j.issue_block, j.issue_log_index) < ($3::bigint, $4::int)
     ORDER BY j.seq`,
    [value, before, position.block, position.logIndex],
  );
  return idsOf(rows);
}
