import {
  blockCounts,
  callSeconds,
  jobSeconds,
  type MetricDefinition,
  taskSeconds,
} from "./metric-definition.ts";

/**
 * Every metric that COS exports, and nothing else is exported under `cos_`: dashboards and alert rules are checked
 * against this list. Every series also carries `cos_service`, the service that says it. No label is ever an identifier,
 * an address, a person, or a key.
 */
export const metrics = {
  // Every service.
  buildInfo: {
    name: "cos_build_info",
    type: "gauge",
    unit: "info",
    help: "1; the labels say what runs",
    labels: ["version", "node"],
  },
  serving: {
    name: "cos_serving_bool",
    type: "gauge",
    unit: "bool",
    help: "1 while the service takes work",
    labels: [],
  },
  rpcServerSeconds: {
    name: "cos_rpc_server_duration_seconds",
    type: "histogram",
    unit: "seconds",
    help: "time to answer a gRPC call; streams are counted when they end",
    labels: ["rpc_service", "method", "code"],
    buckets: callSeconds,
  },
  rpcRefusals: {
    name: "cos_rpc_refusals_total",
    type: "counter",
    unit: "total",
    help: "calls refused, by the error's stable code; STALE_FENCE is a lost fence",
    labels: ["rpc_service", "method", "reason"],
  },
  httpServerSeconds: {
    name: "cos_http_server_duration_seconds",
    type: "histogram",
    unit: "seconds",
    help: "time to answer an HTTP request to its last byte",
    labels: ["method", "route", "status"],
    buckets: callSeconds,
  },
  consumedSeconds: {
    name: "cos_message_handling_seconds",
    type: "histogram",
    unit: "seconds",
    help: "time a consumer took over a message, retries included; outcome is done or failed",
    labels: ["consumer", "topic", "outcome"],
    buckets: taskSeconds,
  },
  consumerLag: {
    name: "cos_consumer_lag_messages",
    type: "gauge",
    unit: "messages",
    help: "messages published and not yet finished by the consumer",
    labels: ["consumer", "topic"],
  },
  messagesPublished: {
    name: "cos_messages_published_total",
    type: "counter",
    unit: "total",
    help: "messages handed to the log",
    labels: ["topic"],
  },
  outboxUnsent: {
    name: "cos_outbox_unsent_messages",
    type: "gauge",
    unit: "messages",
    help: "messages committed with their state and not yet handed to the log",
    labels: [],
  },
  outboxAge: {
    name: "cos_outbox_oldest_age_seconds",
    type: "gauge",
    unit: "seconds",
    help: "age of the oldest message in the outbox",
    labels: [],
  },
  deadLetters: {
    name: "cos_dead_letters_messages",
    type: "gauge",
    unit: "messages",
    help: "messages put aside that wait for a person",
    labels: ["consumer"],
  },
  collectorFailures: {
    name: "cos_metric_collection_failures_total",
    type: "counter",
    unit: "total",
    help: "times that a figure could not be read for a scrape; its series is absent then",
    labels: ["collector"],
  },
  spansDropped: {
    name: "cos_spans_dropped_total",
    type: "counter",
    unit: "total",
    help: "spans that were not exported: the collector or the disk did not take them",
    labels: [],
  },
  processCpu: {
    name: "cos_process_cpu_seconds_total",
    type: "counter",
    unit: "seconds-total",
    help: "processor time of the process, all its threads",
    labels: [],
  },
  processMemory: {
    name: "cos_process_resident_memory_bytes",
    type: "gauge",
    unit: "bytes",
    help: "resident memory of the process",
    labels: [],
  },
  processHeap: {
    name: "cos_process_heap_used_bytes",
    type: "gauge",
    unit: "bytes",
    help: "used heap of the main thread",
    labels: [],
  },
  processMemoryLimit: {
    name: "cos_process_memory_limit_bytes",
    type: "gauge",
    unit: "bytes",
    help: "memory that the process may use: the container's limit, or the machine's memory",
    labels: [],
  },
  processStart: {
    name: "cos_process_start_timestamp_seconds",
    type: "gauge",
    unit: "timestamp",
    help: "when the process started, Unix time",
    labels: [],
  },
  eventLoopLag: {
    name: "cos_event_loop_lag_seconds",
    type: "gauge",
    unit: "seconds",
    help: "delay of the event loop since the last scrape",
    labels: ["quantile"],
  },
  certificateExpiry: {
    name: "cos_certificate_expiry_timestamp_seconds",
    type: "gauge",
    unit: "timestamp",
    help: "when a certificate in use ends, Unix time",
    labels: ["certificate"],
  },
  cacheFailures: {
    name: "cos_cache_failures_total",
    type: "counter",
    unit: "total",
    help: "times that the shared cache was lost and the service went on without it",
    labels: [],
  },

  // access
  mirrorLagBlocks: {
    name: "cos_mirror_lag_blocks",
    type: "gauge",
    unit: "blocks",
    help: "height of the node's head less height of the mirror",
    labels: [],
  },
  mirrorLagSeconds: {
    name: "cos_mirror_lag_seconds",
    type: "gauge",
    unit: "seconds",
    help: "time since the mirror had last read everything up to the node's head",
    labels: [],
  },
  mirrorTip: {
    name: "cos_mirror_height_blocks",
    type: "gauge",
    unit: "blocks",
    help: "height of the mirror, by stage of its logs: mirrored, confirmed, finalized",
    labels: ["stage"],
  },
  mirrorLogs: {
    name: "cos_mirror_logs_total",
    type: "counter",
    unit: "total",
    help: "logs published, by stage: confirmed, finalized or retracted",
    labels: ["stage"],
  },
  mirrorReorgDepth: {
    name: "cos_mirror_reorg_depth_blocks",
    type: "histogram",
    unit: "blocks",
    help: "blocks that a reorganisation took back",
    labels: [],
    buckets: blockCounts,
  },
  mirrorHalted: {
    name: "cos_mirror_halted_bool",
    type: "gauge",
    unit: "bool",
    help: "1 while the mirror stands still for an operator: a reorganisation below finality, or another chain",
    labels: [],
  },
  mirrorFailures: {
    name: "cos_mirror_step_failures_total",
    type: "counter",
    unit: "total",
    help: "steps that the node failed or contradicted",
    labels: ["code"],
  },
  rpcDisagreement: {
    name: "cos_chain_rpc_disagreement_bool",
    type: "gauge",
    unit: "bool",
    help: "1 while the two chain nodes disagree and no permission is given",
    labels: [],
  },
  accessDecisions: {
    name: "cos_access_decisions_total",
    type: "counter",
    unit: "total",
    help: "questions of access answered; clause is the refusing one, 0 when allowed, none outside the clauses",
    labels: ["allowed", "clause"],
  },

  // gateway
  ticketsIssued: {
    name: "cos_tickets_issued_total",
    type: "counter",
    unit: "total",
    help: "tickets issued, by kind",
    labels: ["kind"],
  },
  ticketsRefused: {
    name: "cos_tickets_refused_total",
    type: "counter",
    unit: "total",
    help: "tickets refused: step is issue or redeem; clause is the grant's, none where another rule refused; reason is the code",
    labels: ["step", "clause", "reason"],
  },
  ticketsRedeemed: {
    name: "cos_tickets_redeemed_total",
    type: "counter",
    unit: "total",
    help: "tickets redeemed",
    labels: [],
  },
  gatewayBytes: {
    name: "cos_gateway_transferred_bytes_total",
    type: "counter",
    unit: "bytes-total",
    help: "object bytes through the gateway: in (uploads) and out (downloads)",
    labels: ["direction"],
  },
  rateLimited: {
    name: "cos_rate_limited_total",
    type: "counter",
    unit: "total",
    help: "requests refused for their rate, by kind of limit",
    labels: ["limit"],
  },

  // orchestrator
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

  // fhe-worker
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

  // settlement
  intents: {
    name: "cos_transaction_intents_count_current",
    type: "gauge",
    unit: "count",
    help: "operator transactions by state; final ones are not counted",
    labels: ["state"],
  },
  intentOldestAge: {
    name: "cos_transaction_oldest_unmined_age_seconds",
    type: "gauge",
    unit: "seconds",
    help: "time since the longest waiting intent that is not mined last changed; 0 when none waits",
    labels: [],
  },
  intentChanges: {
    name: "cos_transaction_intent_changes_total",
    type: "counter",
    unit: "total",
    help: "what happened to operator transactions: signed, sent, bumped, mined, confirmed, final, replaced, failed, refused",
    labels: ["change"],
  },
  signerBalance: {
    name: "cos_signer_balance_wei",
    type: "gauge",
    unit: "wei",
    help: "native balance of a signing key, by its duty",
    labels: ["role"],
  },
  usesWaiting: {
    name: "cos_uses_waiting_count_current",
    type: "gauge",
    unit: "count",
    help: "ticket uses that are not yet owed to the usage log",
    labels: [],
  },

  // Object store, as gateway, orchestrator and settlement see it.
  objectSeconds: {
    name: "cos_object_store_duration_seconds",
    type: "histogram",
    unit: "seconds",
    help: "time of a call to the object store until it answers; bodies stream after that",
    labels: ["operation", "outcome"],
    buckets: callSeconds,
  },
} as const satisfies Record<string, MetricDefinition>;

export type MetricKey = keyof typeof metrics;

/** The labels that a metric takes. */
export type LabelsOf<K extends MetricKey> = { readonly [L in (typeof metrics)[K]["labels"][number]]: string };

type KeysOf<T extends MetricDefinition["type"]> = {
  [K in MetricKey]: (typeof metrics)[K]["type"] extends T ? K : never;
}[MetricKey];
export type CounterKey = KeysOf<"counter">;
export type GaugeKey = KeysOf<"gauge">;
export type HistogramKey = KeysOf<"histogram">;
