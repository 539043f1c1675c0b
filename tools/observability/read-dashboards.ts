import { readdirSync, readFileSync } from "node:fs";
import { chartFolder } from "./monitoring-values.ts";

/** An expression of a dashboard, and where it stands. */
export interface Shown {
  readonly where: string;
  readonly expr: string;
}

/** Every expression of every dashboard of the chart, Grafana's own variables filled in so that it can be read. */
export function readDashboards(): Shown[] {
  const shown: Shown[] = [];
  for (const name of readdirSync(`${chartFolder}dashboards`).filter((each) => each.endsWith(".json"))) {
    const dashboard: unknown = JSON.parse(readFileSync(`${chartFolder}dashboards/${name}`, "utf8"));
    collect(dashboard, `dashboards/${name}`, shown);
  }
  return shown;
}

function collect(value: unknown, where: string, shown: Shown[]): void {
  if (Array.isArray(value)) for (const each of value) collect(each, where, shown);
  else if (typeof value === "object" && value !== null) {
    const title = "title" in value && typeof value.title === "string" ? `${where}, ${value.title}` : where;
    for (const [key, each] of Object.entries(value)) {
      if (key === "expr" && typeof each === "string") shown.push({ where: title, expr: filled(each) });
      else if (key === "query" && typeof each === "string") {
        const metric = /^label_values\((.*), *(\w+)\)$/s.exec(each);
        if (metric?.[1]) shown.push({ where: title, expr: `sum by (${metric[2]}) (${filled(metric[1])})` });
      } else collect(each, title, shown);
    }
  }
}

const filled = (expr: string): string =>
  expr.replace(/\$__(rate_)?interval|\$__range/g, "5m").replace(/\$\{?(\w+)(:\w+)?\}?/g, "some.*");
