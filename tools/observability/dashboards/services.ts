import { type Dashboard, most, quantile, rate } from "./dashboard.ts";

export const services: Dashboard = {
  uid: "cos-services",
  title: "COS: services",
  about: "Every service's processes, needs, messages and certificates.",
  rows: [
    {
      title: "Health",
      panels: [
        {
          title: "Processes that take work",
          unit: "short",
          queries: [["sum by (cos_service) (cos_serving_bool{$ns})", "{{cos_service}}"]],
        },
        {
          title: "Needs that do not answer",
          unit: "short",
          queries: [
            ["sum by (cos_service, need) (1 - cos_need_answers_bool{$ns}) > 0", "{{cos_service}}: {{need}}"],
          ],
        },
        {
          title: "Processes by version",
          unit: "short",
          queries: [
            [
              "count by (cos_service, version, node) (cos_build_info{$ns})",
              "{{cos_service}} {{version}} on {{node}}",
            ],
          ],
        },
        {
          title: "Running since",
          unit: "s",
          queries: [["time() - cos_process_start_timestamp_seconds{$ns}", "{{pod}}"]],
        },
        {
          title: "Days until certificates end",
          unit: "d",
          queries: [
            [
              "min by (cos_service, certificate) (cos_certificate_expiry_timestamp_seconds{$ns} - time()) / 86400",
              "{{cos_service}}: {{certificate}}",
            ],
          ],
        },
        {
          title: "Targets that are down",
          unit: "short",
          queries: [['sum by (pod) (1 - up{$ns, job="cos"}) > 0', "{{pod}}"]],
        },
      ],
    },
    {
      title: "Messages",
      panels: [
        {
          title: "Oldest in the outbox",
          unit: "s",
          queries: [[most("cos_outbox_oldest_age_seconds", "cos_service"), "{{cos_service}}"]],
        },
        {
          title: "Waiting in the outbox",
          unit: "short",
          queries: [[most("cos_outbox_unsent_messages", "cos_service"), "{{cos_service}}"]],
        },
        {
          title: "Before consumers",
          unit: "short",
          queries: [[most("cos_consumer_lag_messages", "consumer, topic"), "{{consumer}}"]],
        },
        {
          title: "Put aside",
          unit: "short",
          queries: [[most("cos_dead_letters_messages", "cos_service, consumer"), "{{consumer}}"]],
        },
        {
          title: "Published",
          unit: "cps",
          queries: [[rate("cos_messages_published_total", "topic"), "{{topic}}"]],
        },
        {
          title: "Handled",
          unit: "cps",
          queries: [
            [rate("cos_message_handling_seconds_count", "consumer, outcome"), "{{consumer}} {{outcome}}"],
          ],
        },
        {
          title: "Time of a handler, p95",
          unit: "s",
          queries: [
            [
              quantile(0.95, "cos_message_handling_seconds", 'consumer!~"fhe-worker.*"', "consumer"),
              "{{consumer}}",
            ],
          ],
        },
      ],
    },
    {
      title: "Processes",
      panels: [
        {
          title: "Processor time",
          unit: "short",
          queries: [
            [
              "sum by (cos_service) (rate(cos_process_cpu_seconds_total{$ns}[$__rate_interval]))",
              "{{cos_service}}",
            ],
          ],
        },
        {
          title: "Resident memory, largest",
          unit: "bytes",
          queries: [["max by (cos_service) (cos_process_resident_memory_bytes{$ns})", "{{cos_service}}"]],
        },
        {
          title: "Heap, largest",
          unit: "bytes",
          queries: [["max by (cos_service) (cos_process_heap_used_bytes{$ns})", "{{cos_service}}"]],
        },
        {
          title: "Event loop delay, p99, worst",
          unit: "s",
          queries: [
            ['max by (cos_service) (cos_event_loop_lag_seconds{$ns, quantile="0.99"})', "{{cos_service}}"],
          ],
        },
        {
          title: "Figures that could not be read",
          unit: "cps",
          queries: [
            [
              rate("cos_metric_collection_failures_total", "cos_service, collector"),
              "{{cos_service}}: {{collector}}",
            ],
          ],
        },
        {
          title: "Spans that nobody took",
          unit: "cps",
          queries: [[rate("cos_spans_dropped_total", "cos_service"), "{{cos_service}}"]],
        },
      ],
    },
  ],
};
