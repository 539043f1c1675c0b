import { blockCounts, type MetricDefinition } from "../metric-definition.ts";

/** Of the mirror and its answers. */
export const accessMetrics = {
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
} as const satisfies Record<string, MetricDefinition>;
