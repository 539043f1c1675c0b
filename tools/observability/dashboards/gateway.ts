import { type Dashboard, quantile, rate } from "./dashboard.ts";

const own = 'cos_service="gateway"';

export const gateway: Dashboard = {
  uid: "cos-gateway",
  title: "COS: gateway",
  about: "The edge: tickets, calls, and bytes of ciphertext.",
  rows: [
    {
      title: "Tickets",
      panels: [
        {
          title: "Issued, redeemed",
          unit: "cps",
          queries: [
            [rate("cos_tickets_issued_total", "kind"), "issued, {{kind}}"],
            [rate("cos_tickets_redeemed_total", "namespace"), "redeemed"],
          ],
        },
        {
          title: "Refused, by clause",
          about: "none: another rule of the gateway refused.",
          unit: "cps",
          queries: [[rate("cos_tickets_refused_total", "clause"), "clause {{clause}}"]],
        },
        {
          title: "Refused, by reason",
          unit: "cps",
          queries: [[rate("cos_tickets_refused_total", "step, reason"), "{{step}}: {{reason}}"]],
        },
        {
          title: "Refused for their rate",
          unit: "cps",
          queries: [[rate("cos_rate_limited_total", "limit"), "{{limit}}"]],
        },
      ],
    },
    {
      title: "Calls",
      panels: [
        {
          title: "Calls",
          unit: "cps",
          queries: [[rate("cos_rpc_server_duration_seconds_count", "code", own), "{{code}}"]],
        },
        {
          title: "Time of a call, p95",
          unit: "s",
          queries: [[quantile(0.95, "cos_rpc_server_duration_seconds", own, "method"), "{{method}}"]],
        },
        {
          title: "Refusals, by reason",
          unit: "cps",
          queries: [[rate("cos_rpc_refusals_total", "method, reason", own), "{{method}}: {{reason}}"]],
        },
        {
          title: "Shared cache lost",
          unit: "cps",
          queries: [[rate("cos_cache_failures_total", "cos_service"), "{{cos_service}}"]],
        },
      ],
    },
    {
      title: "Bytes",
      panels: [
        {
          title: "Object bytes",
          unit: "Bps",
          queries: [[rate("cos_gateway_transferred_bytes_total", "direction"), "{{direction}}"]],
        },
        {
          title: "HTTP requests",
          unit: "cps",
          queries: [[rate("cos_http_server_duration_seconds_count", "status"), "{{status}}"]],
        },
        {
          title: "Time to the last byte, p95",
          unit: "s",
          queries: [[quantile(0.95, "cos_http_server_duration_seconds", "", "route"), "{{route}}"]],
        },
        {
          title: "Object store answers after, p95",
          unit: "s",
          queries: [[quantile(0.95, "cos_object_store_duration_seconds", own, "operation"), "{{operation}}"]],
        },
        {
          title: "Calls to the object store",
          unit: "cps",
          queries: [
            [
              rate("cos_object_store_duration_seconds_count", "operation, outcome", own),
              "{{operation}} {{outcome}}",
            ],
          ],
        },
      ],
    },
  ],
};
