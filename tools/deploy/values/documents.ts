import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Json } from "./build.ts";
import { type ServiceName, services, settingsSchema } from "./service-settings.ts";
import { readValuesDocs, type ValueDoc } from "./values-docs.ts";
import { valuesSchema } from "./values-schema.ts";

const marks = { begin: "<!-- values: written by npm run docs:chart -->", end: "<!-- end of values -->" };

/** The files of the chart that are made out of others, by path below the chart, as they should be. */
export async function chartDocuments(chart: string): Promise<Map<string, string>> {
  const docs = readValuesDocs(await readFile(join(chart, "values.yaml"), "utf8"));
  const readme = await readFile(join(chart, "README.md"), "utf8");
  const schema = described(valuesSchema(), new Map(docs.map(({ path, meaning }) => [path, meaning])));
  return new Map([
    ["values.schema.json", `${JSON.stringify(schema, null, 2)}\n`],
    ["README.md", withTables(readme, docs)],
  ]);
}

/** Editors show what values.yaml says of a value. */
function described(schema: Json, docs: ReadonlyMap<string, string>, path = ""): Json {
  const { properties } = schema as { properties?: Record<string, Json> };
  const meaning = docs.get(path);
  return {
    ...(meaning ? { description: meaning } : {}),
    ...schema,
    ...(properties && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([key, value]) => [
          key,
          described(value, docs, path === "" ? key : `${path}.${key}`),
        ]),
      ),
    }),
  };
}

function withTables(readme: string, docs: readonly ValueDoc[]): string {
  const [before, rest] = readme.split(marks.begin);
  const after = rest?.split(marks.end)[1];
  if (before === undefined || after === undefined)
    throw new Error("README.md has no place for its table of values");
  const names = Object.keys(services) as ServiceName[];
  const tables = [valuesTable(docs), "## Settings of services", ...names.flatMap(settingsTable)];
  return `${before}${marks.begin}\n\n${tables.join("\n\n")}\n\n${marks.end}${after}`;
}

const cell = (words: string) => words.replaceAll("|", "\\|");

const valuesTable = (docs: readonly ValueDoc[]): string =>
  [
    "| value | default | meaning |",
    "|---|---|---|",
    ...docs.map(
      ({ path, byDefault, meaning }) => `| \`${path}\` | \`${cell(byDefault)}\` | ${cell(meaning)} |`,
    ),
  ].join("\n");

function settingsTable(service: ServiceName): string[] {
  const { properties } = settingsSchema(service) as { properties: Record<string, Json> };
  const section = service === "fhe-worker" ? "workers.common" : service;
  const rows = Object.entries(properties).map(
    ([key, { description }]) => `| \`${key}\` | ${defaultOf(service, key)} | ${cell(String(description))} |`,
  );
  return [
    `### \`${section}.settings\``,
    ["| setting | default | meaning |", "|---|---|---|", ...rows].join("\n"),
  ];
}

/** What the service takes when nothing is said. */
function defaultOf(service: ServiceName, key: string): string {
  const settings: Readonly<Record<string, { schema: { safeParse(value: unknown): { data?: unknown } } }>> =
    services[service].settings;
  const { data } = settings[key]?.schema.safeParse(undefined) ?? {};
  return data === undefined ? "" : `\`${String(data)}\``;
}
