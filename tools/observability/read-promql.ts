import type { SyntaxNode } from "@lezer/common";
import { parser } from "@prometheus-io/lezer-promql";

/** One choice of series: a metric's name and the labels that it is asked for. */
export interface Selector {
  readonly metric: string;
  readonly matchers: readonly { readonly label: string; readonly op: string; readonly value: string }[];
}

/** Labels that an aggregation or a vector match names, and the metrics below it. */
export interface Grouping {
  readonly labels: readonly string[];
  readonly metrics: readonly string[];
  /** `by` and `on` ask for labels that are there; `without` and `ignoring` leave some out. */
  readonly keeps: boolean;
}

export interface Promql {
  readonly selectors: readonly Selector[];
  readonly groupings: readonly Grouping[];
  /** Whether it is no PromQL. */
  readonly broken: boolean;
}

/** Reads which metrics and labels an expression names, by Prometheus' own grammar. */
export function readPromql(text: string): Promql {
  const { topNode } = parser.parse(text);
  const selectors: Selector[] = [];
  const groupings: Grouping[] = [];
  let broken = false;
  topNode.cursor().iterate(({ node }) => {
    if (node.type.isError) broken = true;
    if (node.name === "VectorSelector") selectors.push(selectorOf(node, text));
    if (node.name === "GroupingLabels") groupings.push(groupingOf(node, text));
  });
  return { selectors, groupings, broken };
}

function selectorOf(node: SyntaxNode, text: string): Selector {
  const name = node.getChild("Identifier");
  const list = node.getChild("LabelMatchers");
  const matchers = (list?.getChildren("UnquotedLabelMatcher") ?? []).map((matcher) => ({
    label: textOf(matcher.getChild("LabelName"), text),
    op: textOf(matcher.getChild("MatchOp"), text),
    value: textOf(matcher.getChild("StringLiteral"), text).slice(1, -1),
  }));
  return { metric: textOf(name, text), matchers };
}

function groupingOf(node: SyntaxNode, text: string): Grouping {
  const labels = node.getChildren("LabelName").map((label) => textOf(label, text));
  const clause = node.parent;
  const keeps = clause?.getChild("By") != null || clause?.getChild("On") != null;
  const metrics: string[] = [];
  clause?.parent?.cursor().iterate((below) => {
    if (below.name === "VectorSelector" && below.from >= (clause.parent?.from ?? 0)) {
      metrics.push(selectorOf(below.node, text).metric);
    }
  });
  return { labels, metrics, keeps };
}

const textOf = (node: SyntaxNode | null, text: string): string =>
  node === null ? "" : text.slice(node.from, node.to);
