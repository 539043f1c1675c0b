/**
 * `npm run check:deploy`: holds the Helm chart against its schema, its unit tests, several versions of Kubernetes and its own
 * claims, and the collector's configuration against the collector. Ends with `N passed, N failed`. Without its tools (Go builds them once) it does the rest and says what it could
 * not; with CI=true that is a failure.
 */

import { deployCache } from "./cache-folder.ts";
import { chartFolder } from "./chart.ts";
import { checkFiles, checkRendered, type Finding } from "./check-chart.ts";
import { collectorConfiguration } from "./checks/collector-configuration.ts";
import { openCollector, openPrograms } from "./programs.ts";
import { openSchemas } from "./schemas/open-schemas.ts";
import { ToolMissing } from "./tool-missing.ts";

const began = Date.now();
let passed = 0;
let failed = 0;
const say = ({ what, faults }: Finding) => {
  if (faults.length === 0) passed++;
  else failed++;
  console.log(`${faults.length === 0 ? "ok  " : "FAIL"} ${what}`);
  for (const fault of faults) console.log(`     ${fault.replaceAll("\n", "\n     ")}`);
};

console.log(`chart ${chartFolder}`);
await checkFiles(say);
try {
  const programs = await openPrograms(deployCache());
  const schemas = await openSchemas(deployCache());
  const versions = Object.entries(programs).map(([name, { version }]) => `${name} ${version}`);
  console.log(`tools: ${versions.join(", ")}; Kubernetes ${schemas.versions.join(", ")}`);
  await checkRendered(programs, schemas, "out/deploy", say);
  const collector = await openCollector(deployCache());
  const { faults, tried } = await collectorConfiguration(collector);
  say({
    what: `the collector ${collector.version} takes its configuration, and refuses ${tried} harmed ones`,
    faults,
  });
} catch (error) {
  if (!(error instanceof ToolMissing)) throw error;
  console.log(`without its tools: ${error.message}`);
  if (process.env.CI === "true") {
    failed++;
    console.log("FAIL with CI=true a missing tool is a failure");
  }
}
console.log(`took ${Math.round((Date.now() - began) / 1000)} s`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
