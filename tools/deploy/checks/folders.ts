import { readdir } from "node:fs/promises";
import { join } from "node:path";

const components = ["access", "orchestrator", "gateway", "settlement", "fhe-worker"] as const;
const expected = [
  "disruption-budget.yaml",
  "network-policy.yaml",
  "scaling.yaml",
  "service-account.yaml",
  "service.yaml",
  "workload.yaml",
];

/** One folder per component with the same file names in each. @returns the faults */
export async function folders(chart: string): Promise<string[]> {
  const found = await Promise.all(
    components.map(
      async (component) => [component, await readdir(join(chart, "templates", component))] as const,
    ),
  );
  return found.flatMap(([component, files]) =>
    files.toSorted().join() === expected.join() ? [] : [`templates/${component} has ${files.join(", ")}`],
  );
}

/** Every template is spoken of by a unit test. @returns the faults */
export async function testedTemplates(chart: string): Promise<string[]> {
  const all = await readdir(join(chart, "templates"), { recursive: true });
  const templates = all.filter((file) => file.endsWith(".yaml"));
  const { readFile } = await import("node:fs/promises");
  const suites = (await readdir(join(chart, "tests"))).filter((file) => file.endsWith("_test.yaml"));
  const texts = await Promise.all(suites.map((file) => readFile(join(chart, "tests", file), "utf8")));
  return templates
    .filter((file) => !texts.some((text) => text.includes(file)))
    .map((file) => `templates/${file} has no unit test`);
}
