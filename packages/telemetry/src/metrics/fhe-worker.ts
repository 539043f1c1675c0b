import { type MetricDefinition, taskSeconds } from "../metric-definition.ts";

/** Of one worker. */
export const fheWorkerMetrics = {
  taskSeconds: {
    name: "cos_task_duration_seconds",
    type: "histogram",
    unit: "seconds",
    help: "time of a delivered task by how it ended: COMPLETED, FAILED, LEASE_LOST (its fence is another's), ...",
    labels: ["outcome"],
    buckets: taskSeconds,
  },
  taskStageSeconds: {
    name: "cos_task_stage_seconds",
    type: "histogram",
    unit: "seconds",
    help: "time of a task's parts: evaluate, read, write; reads overlap with evaluation",
    labels: ["stage"],
    buckets: taskSeconds,
  },
  workerReadBytes: {
    name: "cos_worker_read_bytes_total",
    type: "counter",
    unit: "bytes-total",
    help: "ciphertext read from the store",
    labels: [],
  },
  workerWrittenBytes: {
    name: "cos_worker_written_bytes_total",
    type: "counter",
    unit: "bytes-total",
    help: "ciphertext written to the store",
    labels: [],
  },
  workerComputeSeconds: {
    name: "cos_worker_compute_seconds_total",
    type: "counter",
    unit: "seconds-total",
    help: "time that evaluator threads worked on tasks that completed",
    labels: [],
  },
  workerTasksRunning: {
    name: "cos_worker_tasks_count_current",
    type: "gauge",
    unit: "count",
    help: "tasks that the worker has in hand",
    labels: [],
  },
  workerDraining: {
    name: "cos_worker_draining_bool",
    type: "gauge",
    unit: "bool",
    help: "1 while the worker takes no further task",
    labels: [],
  },
} as const satisfies Record<string, MetricDefinition>;
