/**
 * `npm run check:metrics`: rules, dashboards, runbooks and the registry of metrics say the same. Fails where a rule or a
 * dashboard names a metric, a label, a bucket or a value that the code does not export, a metric's name has no unit, an
 * alert has no runbook, a runbook names a command of `cos`, a metric or an alert that does not exist, or a dashboard is
 * not as its source writes it.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { type MetricDefinition, unitSuffixes } from "../packages/telemetry/src/metric-definition.ts";
import { metrics } from "../packages/telemetry/src/metrics.ts";
import { runbookFaults, runbookOf } from "./observability/check-runbooks.ts";
import { faultsOf, knownSeries } from "./observability/known-series.ts";
import { ruleValues } from "./observability/monitoring-values.ts";
import { readDashboards } from "./observability/read-dashboards.ts";
import { readPromql } from "./observability/read-promql.ts";
import { renderRules } from "./observability/render-rules.ts";

const definitions: readonly MetricDefinition[] = Object.values(metrics);
const root = new URL("../", import.meta.url).pathname;

const values = ruleValues();
const rules = renderRules(values, "cos").flatMap(({ groups }) => groups.flatMap((group) => group.rules));
const dashboards = readDashboards();
const code = [...sources()].join("\n");
const isSaid = (value: string): boolean =>
  value in status || /^\d+$/.test(value) || code.includes(`"${value}"`) || code.includes(`\`${value}`);

const known = knownSeries(definitions);
for (const { record, expr } of rules) {
  if (record === undefined) continue;
  const labels = new Set(readPromql(expr).groupings.flatMap((grouping) => grouping.labels));
  for (const { metric } of readPromql(expr).selectors)
    for (const label of known.get(metric)?.labels ?? []) labels.add(label);
  known.set(record, { labels, ours: false, buckets: [] });
}

const faults: string[] = [];
for (const { name, unit } of definitions) {
  if (!name.endsWith(unitSuffixes[unit]))
    faults.push(`${name} does not end with its unit, ${unitSuffixes[unit]}`);
}
for (const { alert, record, expr, annotations } of rules) {
  const say = (fault: string) => faults.push(`${alert ?? record}: ${fault}`);
  for (const fault of faultsOf(readPromql(expr), known, isSaid)) say(fault);
  if (alert === undefined) continue;
  if (annotations?.runbook_url !== `${values.runbookRoot}/${runbookOf(alert)}`)
    say("links another runbook than its own");
  if (!annotations?.summary || !annotations.description) say("says neither what nor how much");
}
for (const { where, expr } of dashboards) {
  for (const fault of faultsOf(readPromql(expr), known, isSaid)) faults.push(`${where}: ${fault}`);
}
const alerts = rules.flatMap(({ alert }) => alert ?? []);
const bases = new Set(definitions.map(({ name }) => name));
faults.push(...runbookFaults(alerts, (name) => known.has(name) || bases.has(name)));

for (const fault of faults) console.error(fault);
const named = new Set(
  [...rules.map(({ expr }) => expr), ...dashboards.map(({ expr }) => expr)].flatMap((expr) =>
    readPromql(expr).selectors.map(({ metric }) => metric.replace(/_(bucket|sum|count)$/, "")),
  ),
);
const unseen = definitions.filter(
  ({ name }) => !named.has(name) && !named.has(name.replace(/_(bucket|sum|count)$/, "")),
);
if (unseen.length > 0) console.log(`shown nowhere: ${unseen.map(({ name }) => name).join(", ")}`);
if (faults.length === 0) {
  console.log(
    `${definitions.length} metrics, ${alerts.length} alerts with runbooks, ${dashboards.length} expressions of dashboards agree`,
  );
}
process.exitCode = faults.length > 0 ? 1 : 0;

/** The code of services and packages, without tests: what says a label's value. */
function* sources(): Iterable<string> {
  for (const area of ["services", "packages"]) {
    for (const entry of readdirSync(join(root, area), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.name.endsWith(".ts") || entry.name.endsWith(".spec.ts")) continue;
      if (!/\/src(\/|$)/.test(entry.parentPath) || entry.parentPath.includes("node_modules")) continue;
      yield readFileSync(join(entry.parentPath, entry.name), "utf8");
    }
  }
}
