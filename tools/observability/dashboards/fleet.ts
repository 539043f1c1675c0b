import { type Dashboard, most, quantile, rate } from "./dashboard.ts";

const regional = "namespace, region";

export const fleet: Dashboard = {
  uid: "cos-fleet",
  title: "COS: fleet",
  about:
    "Queues and workers by region: whether there are enough, what they do with their time, and what they lose.",
  rows: [
    {
      title: "Queues",
      panels: [
        {
          title: "Outstanding tasks",
          about: "Published and not finished: what workers are scaled on.",
          unit: "short",
          queries: [[most("cos_task_queue_lag_messages", regional), "{{region}}"]],
        },
        {
          title: "Workers heard of",
          unit: "short",
          queries: [[most("cos_workers_count_current", regional), "{{region}}"]],
        },
        {
          title: "Outstanding tasks for each worker",
          about:
            "At queuePerSlot times threads (4 by default) the queue is full: more work waits than the fleet is shown.",
          unit: "short",
          queries: [
            [
              `${most("cos_task_queue_lag_messages", regional)} / ${most("cos_workers_count_current", regional)}`,
              "{{region}}",
            ],
          ],
        },
        {
          title: "Replicas of jobs under way",
          unit: "short",
          kind: "stacked",
          queries: [[most("cos_task_replicas_count_current", "region, state"), "{{region}} {{state}}"]],
        },
      ],
    },
    {
      title: "Work",
      panels: [
        {
          title: "Tasks published and ended",
          unit: "cps",
          queries: [
            [rate("cos_tasks_published_total", "region"), "published, {{region}}"],
            [rate("cos_task_duration_seconds_count", "outcome"), "{{outcome}}"],
          ],
        },
        {
          title: "Time of a completed task",
          unit: "s",
          queries: [0.5, 0.9, 0.99].map((share) => [
            quantile(share, "cos_task_duration_seconds", 'outcome="COMPLETED"'),
            `p${share * 100}`,
          ]),
        },
        {
          title: "Mean time of a task's parts",
          about:
            "Reading overlaps with evaluating; reading longer than evaluating means that the store is what holds tasks up.",
          unit: "s",
          queries: [
            [
              `${rate("cos_task_stage_seconds_sum", "stage")} / ${rate("cos_task_stage_seconds_count", "stage")}`,
              "{{stage}}",
            ],
          ],
        },
        {
          title: "Evaluator threads at work, for each worker",
          unit: "short",
          queries: [
            [
              `sum by (worker_region) (rate(cos_worker_compute_seconds_total{$ns}[$__rate_interval])) / count by (worker_region) (cos_worker_draining_bool{$ns})`,
              "{{worker_region}}",
            ],
          ],
        },
        {
          title: "Ciphertext",
          unit: "Bps",
          queries: [
            [rate("cos_worker_read_bytes_total", "worker_region"), "read, {{worker_region}}"],
            [rate("cos_worker_written_bytes_total", "worker_region"), "written, {{worker_region}}"],
          ],
        },
        {
          title: "Ciphertext read, for each worker",
          unit: "Bps",
          queries: [
            ["max(rate(cos_worker_read_bytes_total{$ns}[$__rate_interval]))", "most"],
            ["avg(rate(cos_worker_read_bytes_total{$ns}[$__rate_interval]))", "mean"],
          ],
        },
        {
          title: "Tasks in hand",
          unit: "short",
          kind: "stacked",
          queries: [["sum by (worker_region) (cos_worker_tasks_count_current{$ns})", "{{worker_region}}"]],
        },
        {
          title: "Workers that drain",
          unit: "short",
          queries: [["sum by (worker_region) (cos_worker_draining_bool{$ns})", "{{worker_region}}"]],
        },
      ],
    },
    {
      title: "Losses",
      panels: [
        {
          title: "Leases lost, stale fences",
          unit: "cps",
          queries: [
            [rate("cos_task_leases_lost_total", "namespace"), "leases lost"],
            [rate("cos_rpc_refusals_total", "namespace", 'reason="STALE_FENCE"'), "stale fences"],
          ],
        },
        {
          title: "Memory used of the limit, by worker",
          unit: "percentunit",
          queries: [
            [
              'topk(10, cos_process_resident_memory_bytes{$ns, cos_service="fhe-worker"} / cos_process_memory_limit_bytes{$ns, cos_service="fhe-worker"})',
              "{{pod}}",
            ],
          ],
        },
        {
          title: "Restarts of workers",
          unit: "short",
          queries: [
            [
              'sum by (pod) (increase(kube_pod_container_status_restarts_total{$ns, container="fhe-worker"}[1h])) > 0',
              "{{pod}}",
            ],
          ],
        },
      ],
    },
  ],
};
