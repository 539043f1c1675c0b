import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

export const chartFolder = fileURLToPath(new URL("../../deploy/helm/cos/", import.meta.url));

/** What the rules need of the chart's section `monitoring`. */
export interface RuleValues {
  /** Folder or URL of the runbooks. */
  readonly runbookRoot: string;
  /** Numbers and durations by the name that the rules give them. */
  readonly thresholds: Readonly<Record<string, number | string>>;
}

type Values = { readonly monitoring?: { readonly rules: RuleValues } };

/** The chart's defaults. */
export function ruleValues(): RuleValues {
  const { monitoring } = parse(readFileSync(`${chartFolder}values.yaml`, "utf8")) as Values;
  if (monitoring === undefined) throw new Error("values.yaml has no section `monitoring`");
  return monitoring.rules;
}
