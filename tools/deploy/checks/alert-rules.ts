import { parse } from "yaml";
import type { RuleValues } from "../../observability/monitoring-values.ts";
import { renderRules } from "../../observability/render-rules.ts";
import type { Rendered } from "../chart.ts";
import { ofKind, type RuleGroup } from "./kubernetes.ts";

/**
 * What the chart makes of the rule files must be what promtool tests: the same groups and rules, besides the labels that a
 * deployment adds to alerts. @returns the faults
 */
export function alertRules(
  objects: readonly Rendered[],
  values: RuleValues & { readonly enabled: boolean; readonly alertLabels: Readonly<Record<string, string>> },
): string[] {
  const made = ofKind(objects, "PrometheusRule").flatMap(({ spec }) => spec.groups);
  if (!values.enabled) return made.length === 0 ? [] : ["rules are off, and there are some"];
  const tested = renderRules(values, "cos").flatMap(
    ({ text }) => (parse(text) as { groups: RuleGroup[] }).groups,
  );
  const expected = tested.map(({ name, rules }) => ({
    name,
    rules: rules.map((rule) =>
      rule.alert === undefined ? rule : { ...rule, labels: { ...values.alertLabels, ...rule.labels } },
    ),
  }));
  const texts = (groups: readonly RuleGroup[]) =>
    new Map(
      groups.flatMap(({ name, rules }) =>
        rules.map((rule) => [`${name}, ${rule.alert ?? rule.record}`, sorted(rule)]),
      ),
    );
  const [chart, tests] = [texts(made), texts(expected)];
  return [
    ...[...tests]
      .filter(([key, text]) => chart.get(key) !== text)
      .map(([key]) => `${key} is not in the chart as it is tested`),
    ...[...chart.keys()]
      .filter((key) => !tests.has(key))
      .map((key) => `${key} is in the chart and not tested`),
  ];
}

/** As JSON with keys in order, and without the line end that a block of YAML leaves. */
const sorted = (value: unknown): string =>
  JSON.stringify(value, (_, each) => {
    if (typeof each === "string") return each.trimEnd();
    if (typeof each !== "object" || each === null || Array.isArray(each)) return each;
    return Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
