import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { metrics } from "./metrics.ts";
import { metricsTable } from "./metrics-table.ts";

it("stands in docs/telemetry.md as it is (npm run docs:metrics writes it)", () => {
  const text = readFileSync(new URL("../../../docs/telemetry.md", import.meta.url), "utf8");
  expect(text).toContain(metricsTable(Object.values(metrics)));
});
