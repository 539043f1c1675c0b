import { readdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import { chartFolder, type RuleValues } from "./monitoring-values.ts";

/** A rule of Prometheus: `alert` or `record` names it. */
export interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface RuleFile {
  /** File name, without folder. */
  readonly name: string;
  /** The file as Prometheus reads it. */
  readonly text: string;
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
}

/**
 * The chart's rule files with their `${names}` filled in, as `templates/monitoring/prometheusrule.yaml` does.
 *
 * @param namespace the release's; `job` of its targets is `cos`
 * @throws where a name stays open, or a threshold is used by no rule
 */
export function renderRules({ runbookRoot, thresholds }: RuleValues, namespace: string): RuleFile[] {
  const names: Readonly<Record<string, number | string>> = {
    ...thresholds,
    runbookRoot,
    namespace,
    job: "cos",
  };
  const used = new Set<string>();
  const files = readdirSync(`${chartFolder}rules`)
    .filter((name) => name.endsWith(".yaml"))
    .map((name): RuleFile => {
      const source = readFileSync(`${chartFolder}rules/${name}`, "utf8").replace(/^#.*\n/gm, "");
      const text = source.replace(/\$\{(\w+)\}/g, (_, key: string) => {
        const value = names[key];
        if (value === undefined) throw new Error(`rules/${name}: nothing is named ${key}`);
        used.add(key);
        return String(value);
      });
      return { name, text, ...(parse(text) as Pick<RuleFile, "groups">) };
    });
  const unused = Object.keys(thresholds).filter((key) => !used.has(key));
  if (unused.length > 0) throw new Error(`no rule uses the threshold ${unused.join(", ")}`);
  return files;
}
