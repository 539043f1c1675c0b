import type { MetricDefinition } from "../metric-definition.ts";

/** Of operator transactions. */
export const settlementMetrics = {
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
    help: "age of the oldest operator transaction that is not mined; 0 when none waits",
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
} as const satisfies Record<string, MetricDefinition>;
