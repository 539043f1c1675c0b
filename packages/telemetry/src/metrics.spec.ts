import { expect, it } from "vitest";
import { type MetricDefinition, unitSuffixes } from "./metric-definition.ts";
import { metrics } from "./metrics.ts";

const all: readonly MetricDefinition[] = Object.values(metrics);

it("names every metric once, in base units, with the unit at the end", () => {
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  for (const { name, type, unit } of all) {
    expect(name).toMatch(/^cos_[a-z]+(_[a-z]+)*$/);
    expect(name.endsWith(unitSuffixes[unit])).toBe(true);
    if (type === "counter") expect(name).toMatch(/_total$/);
    else expect(name).not.toMatch(/_total$|_count$|_sum$|_bucket$/);
  }
});

it("gives histograms rising buckets, and nothing else any", () => {
  for (const { type, buckets } of all) {
    if (type !== "histogram") expect(buckets).toBeUndefined();
    else expect(buckets).toEqual([...new Set(buckets)].sort((a, b) => a - b));
  }
});

it("has no label that could name a person, a thing or a key", () => {
  const closed = [
    "allowed",
    "certificate",
    "change",
    "clause",
    "code",
    "collector",
    "consumer",
    "direction",
    "kind",
    "need",
  ];
  const known = new Set([
    ...closed,
    ...["limit", "method", "node", "operation", "outcome", "quantile", "reason", "region", "role", "route"],
    ...["rpc_service", "stage", "state", "status", "step", "topic", "version"],
  ]);
  for (const { labels } of all) for (const label of labels) expect(known).toContain(label);
});
