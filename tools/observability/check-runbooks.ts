import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { partSettings } from "../../packages/parts/src/part-settings.ts";
import { accessSettings } from "../../services/access/src/config.ts";
import { workerSettings } from "../../services/fhe-worker/src/config.ts";
import { gatewaySettings } from "../../services/gateway/src/config.ts";
import { orchestratorSettings } from "../../services/orchestrator/src/config.ts";
import { settlementSettings } from "../../services/settlement/src/config.ts";
import { cliCommands, faultOfCommand } from "./cli-commands.ts";

const folder = fileURLToPath(new URL("../../docs/runbooks/", import.meta.url));
const headings = ["## What it means", "## Look", "## Do", "## It is over when"];

/** `CosMirrorHalted` becomes `mirror-halted.md`. */
export const runbookOf = (alert: string): string =>
  `${alert
    .slice(3)
    .replace(/(?!^)[A-Z]/g, (letter) => `-${letter}`)
    .toLowerCase()}.md`;

/**
 * What is wrong with the runbooks: one missing, one of no alert, one that the index leaves out, a part missing, a command
 * of `cos` or a metric or an alert that does not exist.
 *
 * @param isSeries whether a name is that of a metric or of a series of it
 */
export function runbookFaults(alerts: readonly string[], isSeries: (name: string) => boolean): string[] {
  const files = readdirSync(folder).filter((name) => name.endsWith(".md"));
  const program = cliCommands();
  const settings = settingNames();
  const index = readFileSync(`${folder}README.md`, "utf8");
  const faults = alerts
    .filter((alert) => !files.includes(runbookOf(alert)))
    .map((alert) => `${alert}: docs/runbooks/${runbookOf(alert)} is missing`);
  for (const name of files) {
    const text = readFileSync(folder + name, "utf8");
    const say = (fault: string) => faults.push(`docs/runbooks/${name}: ${fault}`);
    for (const line of commandsOf(text)) {
      const fault = faultOfCommand(program, line);
      if (fault !== undefined) say(`\`${line}\`: ${fault}`);
    }
    for (const [metric] of text.matchAll(/\bcos_[a-z_]+\b/g)) {
      if (metric !== "cos_service" && !isSeries(metric)) say(`names ${metric}, which nothing exports`);
    }
    for (const [setting] of text.matchAll(/\bCOS_[A-Z_]+\b/g)) {
      if (!settings.has(setting)) say(`names the setting ${setting}, which nothing reads`);
    }
    for (const [alert] of text.matchAll(/\bCos[A-Z][A-Za-z]+\b/g)) {
      if (!alerts.includes(alert)) say(`names the alert ${alert}, which no rule makes`);
    }
    for (const [, link = ""] of text.matchAll(/\]\(([^)#:]+\.md)[^)]*\)/g)) {
      if (!exists(link)) say(`links ${link}, which is not there`);
    }
    if (name === "README.md") continue;
    const alert = alerts.find((each) => runbookOf(each) === name);
    if (alert === undefined) say("belongs to no alert");
    else if (!text.startsWith(`# ${alert}\n`)) say(`begins with something other than # ${alert}`);
    if (!index.includes(`(${name})`)) say("is not in the index");
    for (const heading of headings) if (!text.includes(`\n${heading}\n`)) say(`has no part "${heading}"`);
  }
  return faults;
}

/** Command lines of `cos`, from blocks of shell and from the text. */
function commandsOf(text: string): string[] {
  const blocks = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = ""]) => block.split("\n"));
  const inline = [...text.matchAll(/`(cos [^`\n]+)`/g)].map(([, line = ""]) => line);
  return [...blocks, ...inline]
    .map((line) => line.replace(/\s+#.*$/, "").trim())
    .filter((line) => line.startsWith("cos "));
}

function exists(link: string): boolean {
  try {
    readFileSync(new URL(link, `file://${folder}`));
    return true;
  } catch {
    return false;
  }
}

/** Environment names of the settings of all services and their parts, and those of the command line's own. */
function settingNames(): ReadonlySet<string> {
  const tables = {
    COS_: partSettings,
    COS_ACCESS_: accessSettings,
    COS_GATEWAY_: gatewaySettings,
    COS_ORCHESTRATOR_: orchestratorSettings,
    COS_SETTLEMENT_: settlementSettings,
    COS_WORKER_: workerSettings,
  };
  const names = Object.entries(tables).flatMap(([prefix, settings]) =>
    Object.keys(settings).map(
      (key) => prefix + key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase(),
    ),
  );
  return new Set(names);
}
