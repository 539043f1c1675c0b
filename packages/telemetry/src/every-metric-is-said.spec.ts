import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { metrics } from "./metrics.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** Sources that may say a metric: those of services and packages, without tests and without the list itself. */
function* sources(): Iterable<string> {
  for (const area of ["services", "packages"]) {
    for (const name of readdirSync(join(root, area))) {
      const folder = join(root, area, name, "src");
      if (!existsSync(folder)) continue;
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
        const path = join(entry.parentPath, entry.name);
        if (entry.isFile() && /(?<!\.spec)\.ts$/.test(path) && !path.includes("/telemetry/src/metrics")) {
          yield readFileSync(path, "utf8");
        }
      }
    }
  }
}

it("says every metric that it declares somewhere: none that a dashboard names can be always empty", () => {
  const code = [...sources()].join("\n");
  const silent = Object.keys(metrics).filter((key) => !code.includes(`"${key}"`));
  expect(silent).toEqual([]);
});
