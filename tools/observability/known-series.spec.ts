import { expect, it } from "vitest";
import type { MetricDefinition } from "../../packages/telemetry/src/metric-definition.ts";
import { faultsOf, knownSeries } from "./known-series.ts";
import { readPromql } from "./read-promql.ts";

const definitions: MetricDefinition[] = [
  {
    name: "cos_waits_seconds",
    type: "histogram",
    unit: "seconds",
    help: "",
    labels: ["state"],
    buckets: [1, 5],
  },
  { name: "cos_things_total", type: "counter", unit: "total", help: "", labels: [] },
];
const faults = (expr: string) =>
  faultsOf(readPromql(expr), knownSeries(definitions), (value) => value === "DONE");

it("lets through what exists", () => {
  expect(
    faults('sum by (le) (rate(cos_waits_seconds_bucket{state="DONE", le=~"5([.]0)?", pod="x"}[5m]))'),
  ).toEqual([]);
  expect(faults("sum by (namespace, cos_service) (increase(cos_things_total[1h])) > 0")).toEqual([]);
});

it("refuses a metric that nothing exports, a histogram's base name among them", () => {
  expect(faults("rate(cos_thing_total[5m])")).toEqual(["names cos_thing_total, which nothing exports"]);
  expect(faults("cos_waits_seconds")).toEqual(["names cos_waits_seconds, which nothing exports"]);
  expect(faults("cos_things_total_count")).toHaveLength(1);
});

it("refuses labels, buckets and values that do not exist", () => {
  expect(faults('cos_things_total{state="DONE"}')).toEqual([
    "asks cos_things_total for the label state, which it does not have",
  ]);
  expect(faults('cos_waits_seconds_bucket{le="2"}')).toEqual(["cos_waits_seconds_bucket has no bucket 2"]);
  expect(faults('cos_waits_seconds_count{state=~"DONE|DNOE"}')).toEqual([
    'asks cos_waits_seconds_count for state="DNOE", which no code says',
  ]);
});

it("refuses to group by a label that none of the metrics has, and not to leave it out", () => {
  expect(faults("sum by (state) (cos_things_total)")).toHaveLength(1);
  expect(faults("sum without (state) (cos_things_total)")).toEqual([]);
});

it("refuses what is no PromQL", () => {
  expect(faults("sum by (pod) (cos_things_total")).toContain("is no PromQL");
});
