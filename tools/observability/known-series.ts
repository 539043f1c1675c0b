import type { MetricDefinition } from "../../packages/telemetry/src/metric-definition.ts";
import type { Promql } from "./read-promql.ts";

/** What is known of one series name: its labels, and of a histogram its buckets. */
export interface KnownSeries {
  readonly labels: ReadonlySet<string>;
  /** Label values come from our own code, and are looked for there. */
  readonly ours: boolean;
  readonly buckets: readonly number[];
}

/** Labels that a scrape adds to every series, as the chart's PodMonitors have it. */
const targetLabels = ["namespace", "pod", "container", "endpoint", "job", "instance", "worker_region"];

/** Series of others that rules and dashboards may name: Prometheus' own and those of kube-state-metrics. */
const foreign: Readonly<Record<string, readonly string[]>> = {
  up: [],
  kube_pod_container_status_restarts_total: ["uid"],
  kube_pod_container_status_last_terminated_reason: ["uid", "reason"],
};

/** Every series that the registry declares, and those of {@link foreign}, by name. */
export function knownSeries(definitions: readonly MetricDefinition[]): Map<string, KnownSeries> {
  const known = new Map<string, KnownSeries>();
  for (const { name, type, labels, buckets = [] } of definitions) {
    const all = [...labels, "cos_service", ...targetLabels];
    if (type !== "histogram") known.set(name, { labels: new Set(all), ours: true, buckets });
    else {
      known.set(`${name}_bucket`, { labels: new Set([...all, "le"]), ours: true, buckets });
      for (const part of ["sum", "count"]) {
        known.set(`${name}_${part}`, { labels: new Set(all), ours: true, buckets });
      }
    }
  }
  for (const [name, labels] of Object.entries(foreign)) {
    known.set(name, { labels: new Set([...labels, ...targetLabels]), ours: false, buckets: [] });
  }
  return known;
}

/**
 * What an expression names that does not exist: metrics, labels, buckets, or values that no code says.
 *
 * @param isSaid whether a text stands somewhere in the code as a value
 */
export function faultsOf(
  { selectors, groupings, broken }: Promql,
  known: ReadonlyMap<string, KnownSeries>,
  isSaid: (value: string) => boolean,
): string[] {
  const faults = broken ? ["is no PromQL"] : [];
  for (const { metric, matchers } of selectors) {
    const series = known.get(metric);
    if (series === undefined) {
      faults.push(`names ${metric}, which nothing exports`);
      continue;
    }
    for (const { label, op, value } of matchers) {
      if (!series.labels.has(label))
        faults.push(`asks ${metric} for the label ${label}, which it does not have`);
      else if (label === "le" && !isBucket(value, series)) faults.push(`${metric} has no bucket ${value}`);
      else if (series.ours && op.startsWith("=") && label !== "le" && !targetLabels.includes(label)) {
        for (const each of wordsOf(value)) {
          if (!isSaid(each)) faults.push(`asks ${metric} for ${label}="${each}", which no code says`);
        }
      }
    }
  }
  for (const { labels, metrics, keeps } of groupings) {
    if (!keeps) continue;
    for (const label of labels) {
      const some = metrics.some((metric) => known.get(metric)?.labels.has(label) ?? true);
      if (!some) faults.push(`groups ${metrics.join(", ")} by ${label}, which none of them has`);
    }
  }
  return faults;
}

/** `600` and `600([.]0)?`, as rules write it for Prometheus 2 and 3. */
const isBucket = (value: string, { buckets }: KnownSeries): boolean =>
  buckets.includes(Number(value.replace("([.]0)?", "")));

/** The alternatives of a matcher that are plain words; patterns and variables of dashboards are none. */
const wordsOf = (value: string): string[] =>
  value.split("|").filter((word) => /^[\w.-]+$/.test(word) && !word.includes(".."));
