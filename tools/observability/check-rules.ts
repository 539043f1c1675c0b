/**
 * `npm run check:rules`: the alert rules with the chart's defaults, checked and tested by promtool
 * (`deploy/observability/tests`), and each alert seen both firing and silent by some test. Without promtool the
 * check says so, and fails where CI is true.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { ToolMissing } from "../deploy/tool-missing.ts";
import { ruleValues } from "./monitoring-values.ts";
import { openPromtool } from "./open-promtool.ts";
import { type RuleFile, renderRules } from "./render-rules.ts";

const testsFolder = fileURLToPath(new URL("../../deploy/observability/tests/", import.meta.url));

type RuleTest = {
  readonly tests: readonly {
    readonly alert_rule_test?: readonly {
      readonly alertname: string;
      readonly exp_alerts?: readonly unknown[];
    }[];
  }[];
};

const files = renderRules(ruleValues(), "cos");
const faults = untested(files);
for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exitCode = 1;

try {
  const promtool = await openPromtool();
  const version = execFileSync(promtool, ["--version"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  console.log(version.split("\n", 1)[0]);
  test(promtool, files);
} catch (error) {
  if (!(error instanceof ToolMissing)) throw error;
  console.error(`rules were not tested: ${error.message}`);
  if (process.env.CI === "true") process.exitCode = 1;
}

function test(promtool: string, rules: readonly RuleFile[]): void {
  const folder = mkdtempSync(join(tmpdir(), "cos-rules-"));
  try {
    for (const { name, text } of rules) writeFileSync(join(folder, name), text);
    const tests = readdirSync(testsFolder).filter((name) => name.endsWith(".test.yaml"));
    for (const name of tests) writeFileSync(join(folder, name), readFileSync(join(testsFolder, name)));
    const run = (...args: string[]) => execFileSync(promtool, args, { cwd: folder, stdio: "inherit" });
    run("check", "rules", ...rules.map(({ name }) => name));
    run("test", "rules", ...tests);
  } catch {
    process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Alerts that no test expects to fire, or none to be silent; tests of alerts that do not exist. */
function untested(rules: readonly RuleFile[]): string[] {
  const [firing, silent] = [new Set<string>(), new Set<string>()];
  for (const name of readdirSync(testsFolder).filter((each) => each.endsWith(".test.yaml"))) {
    const { tests } = parse(readFileSync(join(testsFolder, name), "utf8")) as RuleTest;
    for (const { alertname, exp_alerts = [] } of tests.flatMap(
      ({ alert_rule_test = [] }) => alert_rule_test,
    )) {
      (exp_alerts.length > 0 ? firing : silent).add(alertname);
    }
  }
  const alerts = rules.flatMap(({ groups }) =>
    groups.flatMap((group) => group.rules.flatMap((rule) => rule.alert ?? [])),
  );
  return [
    ...alerts.filter((name) => !firing.has(name)).map((name) => `${name}: no test sees it fire`),
    ...alerts.filter((name) => !silent.has(name)).map((name) => `${name}: no test sees it silent`),
    ...[...firing, ...silent]
      .filter((name) => !alerts.includes(name))
      .map((name) => `${name}: tested, but no rule`),
  ];
}
