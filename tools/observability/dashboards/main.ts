/** `npm run docs:dashboards` writes the chart's Grafana dashboards; `--check` fails where one is not as written here. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { chartFolder } from "../monitoring-values.ts";
import { chain } from "./chain.ts";
import { toGrafana } from "./dashboard.ts";
import { fleet } from "./fleet.ts";
import { gateway } from "./gateway.ts";
import { jobs } from "./jobs.ts";
import { services } from "./services.ts";
import { settlement } from "./settlement.ts";

const folder = `${chartFolder}dashboards/`;
const files = new Map(
  Object.entries({ jobs, fleet, chain, gateway, settlement, services }).map(([name, dashboard]) => [
    `${name}.json`,
    `${JSON.stringify(toGrafana(dashboard), null, 1)}\n`,
  ]),
);
const strangers = readdirSync(folder).filter((name) => !files.has(name));
const stale = [...files].filter(
  ([name, text]) => !existsSync(folder + name) || readFileSync(folder + name, "utf8") !== text,
);

if (process.argv.includes("--check")) {
  for (const name of [...strangers, ...stale.map(([each]) => each)])
    console.error(`dashboards/${name} is not as written: npm run docs:dashboards`);
  process.exitCode = strangers.length + stale.length > 0 ? 1 : 0;
} else {
  for (const name of strangers) rmSync(folder + name);
  for (const [name, text] of stale) writeFileSync(folder + name, text);
}
