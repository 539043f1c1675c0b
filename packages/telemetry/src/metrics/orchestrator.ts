import { jobSeconds, type MetricDefinition } from "../metric-definition.ts";

/** Of jobs, tasks, queues and workers. */
export const orchestratorMetrics = {
  jobLatency: {
    name: "cos_job_latency_seconds",
    type: "histogram",
    unit: "seconds",
    help: "time from the job's acceptance (permit mirrored) until it first came into a state",
    labels: ["state"],
    buckets: jobSeconds,
  },
  jobStageSeconds: {
    name: "cos_job_stage_seconds",
    type: "histogram",
    unit: "seconds",
    help: "time that jobs spent in a state before they left it",
    labels: ["stage"],
    buckets: jobSeconds,
  },
  jobTransitions: {
    name: "cos_job_transitions_total",
    type: "counter",
    unit: "total",
    help: "times that a job came into a state",
    labels: ["state"],
  },
  jobsCurrent: {
    name: "cos_jobs_count_current",
    type: "gauge",
    unit: "count",
    help: "jobs that have not ended, by state",
    labels: ["state"],
  },
  jobOldestAge: {
    name: "cos_job_oldest_age_seconds",
    type: "gauge",
    unit: "seconds",
    help: "age of the oldest job that computes or waits to: PERMITTED to COMPLETED",
    labels: [],
  },
  tasksPublished: {
    name: "cos_tasks_published_total",
    type: "counter",
    unit: "total",
    help: "task replicas put on a region's queue, again ones included",
    labels: ["region"],
  },
  taskReplicas: {
    name: "cos_task_replicas_count_current",
    type: "gauge",
    unit: "count",
    help: "replicas of jobs under way, by state: WAITING, QUEUED, RUNNING",
    labels: ["region", "state"],
  },
  taskQueueLag: {
    name: "cos_task_queue_lag_messages",
    type: "gauge",
    unit: "messages",
    help: "tasks of a region that are published and not finished: what workers are scaled on",
    labels: ["region"],
  },
  leasesLost: {
    name: "cos_task_leases_lost_total",
    type: "counter",
    unit: "total",
    help: "replicas taken back: their lease ran out, or nobody began them",
    labels: [],
  },
  workersCurrent: {
    name: "cos_workers_count_current",
    type: "gauge",
    unit: "count",
    help: "workers heard of lately, by region",
    labels: ["region"],
  },
} as const satisfies Record<string, MetricDefinition>;
