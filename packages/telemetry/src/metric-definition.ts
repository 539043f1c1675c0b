/** Endings that a metric's name may have: its unit, or `_total` for a counter of things. */
export const unitSuffixes = {
  seconds: "_seconds",
  bytes: "_bytes",
  blocks: "_blocks",
  messages: "_messages",
  wei: "_wei",
  timestamp: "_timestamp_seconds",
  total: "_total",
  "seconds-total": "_seconds_total",
  "bytes-total": "_bytes_total",
  /** 0 or 1: a state, or a constant whose labels are what it says. */
  info: "_info",
  bool: "_bool",
  /** A number of things at this moment, named by the word before. */
  count: "_count_current",
} as const;

export type Unit = keyof typeof unitSuffixes;

/** One metric as code exports it and as dashboards and alerts may name it. */
export interface MetricDefinition {
  /** `cos_<what>_<unit>`; of a histogram without `_bucket`, `_sum` or `_count`. */
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly unit: Unit;
  readonly help: string;
  /** Names of labels whose values come from closed lists or the deployment's configuration. */
  readonly labels: readonly string[];
  /** Upper bounds of a histogram's buckets, in the unit. */
  readonly buckets?: readonly number[];
}

/** Calls: a millisecond to half a minute. */
export const callSeconds = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
] as const;

/** Work: a tenth of a second to a quarter of an hour. */
export const taskSeconds = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 900] as const;

/** Jobs: half a second to a day. */
export const jobSeconds = [
  0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 10_800, 43_200, 86_400,
] as const;

/** Reorganisations and lags in blocks. */
export const blockCounts = [1, 2, 3, 4, 6, 8, 12, 16, 32, 64, 128] as const;
