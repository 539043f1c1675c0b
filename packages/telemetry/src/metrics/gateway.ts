import type { MetricDefinition } from "../metric-definition.ts";

/** Of the edge: tickets, bytes, limits. */
export const gatewayMetrics = {
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
} as const satisfies Record<string, MetricDefinition>;
