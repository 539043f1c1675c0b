import type { MessageLog } from "@cos/messaging";
import type { Db } from "@cos/store";
import { overriding, type Telemetry } from "@cos/telemetry";
import { taskEvents } from "@cos/topics";
import type { Announcer, JobRecords, QueuedReplica } from "../app/ports.ts";
import { isTerminal, type JobState } from "../domain/job-state.ts";

/** Counts and times the states that jobs come into. Times are the service's own clock, in seconds. */
export const observedJobs = ({ metrics }: Telemetry, jobs: JobRecords): JobRecords =>
  overriding(jobs, {
    addTransition: async (tx, jobId, state, at) => {
      const { rows } = await tx.query<{ state: string; at: bigint; first: bigint; before: boolean }>(
        `SELECT state, at, min(at) OVER () AS first, bool_or(state = $2) OVER () AS before
         FROM job_transition WHERE job_id = $1 ORDER BY n DESC LIMIT 1`,
        [jobId, state],
      );
      await jobs.addTransition(tx, jobId, state, at);
      metrics.count("jobTransitions", { state });
      const last = rows[0];
      if (last === undefined) return;
      if (last.state !== state) {
        metrics.observe("jobStageSeconds", { stage: last.state }, Math.max(0, at - Number(last.at)));
      }
      if (!last.before) metrics.observe("jobLatency", { state }, Math.max(0, at - Number(last.first)));
    },
  });

/** Announcements as moments of the job's trace: what follows from one lies below it, in whatever service. */
export const tracedAnnouncer = (telemetry: Telemetry, announcer: Announcer): Announcer => {
  const sent = <T>(jobId: string, name: string, send: () => Promise<T>) =>
    telemetry.jobSpan(jobId, name, { kind: "producer" }, send);
  return {
    tasksQueued: async (tx, replicas) => {
      await announcer.tasksQueued(tx, replicas);
      for (const { region } of replicas) telemetry.metrics.count("tasksPublished", { region });
    },
    jobPlanned: (tx, jobId, ...rest) =>
      sent(jobId, "job planned", () => announcer.jobPlanned(tx, jobId, ...rest)),
    jobCompleted: (tx, jobId, ...rest) =>
      sent(jobId, "job completed", () => announcer.jobCompleted(tx, jobId, ...rest)),
    jobEnded: (tx, jobId, ...rest) => sent(jobId, "job ended", () => announcer.jobEnded(tx, jobId, ...rest)),
  };
};

/** The span of one replica's queueing, which the worker's span lies below. */
export const traceOfTask =
  (telemetry: Telemetry) =>
  ({ jobId, taskId, replica, region }: QueuedReplica): string | undefined =>
    telemetry.sentJobTraceparent(jobId, "task queued", {
      "cos.task_id": taskId,
      "cos.replica": replica,
      "cos.region": region,
    });

/** Reads jobs, tasks, queues and workers at each scrape. `now`: Unix seconds. */
export function watchJobs(
  { metrics }: Telemetry,
  parts: {
    readonly db: Db;
    readonly log: MessageLog;
    readonly now: () => number;
    readonly workerForgottenSeconds: number;
    /** Partitions of a region's queue. */
    readonly taskPartitions: number;
  },
): void {
  const { db, log, now, workerForgottenSeconds, taskPartitions } = parts;
  const declared = new Set<string>();
  metrics.count("leasesLost", {}, 0);
  metrics.collect("jobs", async (set) => {
    const { rows } = await db.query<{ state: JobState; jobs: bigint; oldest: bigint }>(
      "SELECT state, count(*) AS jobs, min(created_at) AS oldest FROM job GROUP BY state",
    );
    const open = rows.filter(({ state }) => !isTerminal(state));
    for (const { state, jobs } of open) set("jobsCurrent", { state }, Number(jobs));
    const working = open.filter(({ state }) => state !== "COMMITTED");
    set("jobOldestAge", {}, Math.max(0, ...working.map(({ oldest }) => now() - Number(oldest))));
  });
  metrics.collect("replicas", async (set) => {
    const { rows } = await db.query<{ region: string; state: string; replicas: bigint }>(
      `SELECT j.region, r.state, count(*) AS replicas FROM replica r JOIN job j USING (job_id)
       WHERE r.state <> 'DONE' AND j.state IN ('PLANNED', 'RUNNING', 'REDUCING') GROUP BY j.region, r.state`,
    );
    for (const { region, state, replicas } of rows) set("taskReplicas", { region, state }, Number(replicas));
  });
  metrics.collect("workers", async (set) => {
    const { rows } = await db.query<{ region: string; workers: bigint }>(
      "SELECT region, count(*) FILTER (WHERE seen_at >= $1) AS workers FROM worker GROUP BY region",
      [now() - workerForgottenSeconds],
    );
    for (const { region, workers } of rows) set("workersCurrent", { region }, Number(workers));
  });
  metrics.collect("task-queues", async (set) => {
    const { rows } = await db.query<{ region: string }>(
      "SELECT DISTINCT region FROM worker UNION SELECT DISTINCT region FROM job WHERE plan_digest IS NOT NULL",
    );
    for (const { region } of rows) {
      const topic = taskEvents(region, taskPartitions);
      if (!declared.has(region)) await log.declare(topic);
      declared.add(region);
      set("taskQueueLag", { region }, await log.lag(`fhe-worker.${region}`, topic.name));
    }
  });
}
