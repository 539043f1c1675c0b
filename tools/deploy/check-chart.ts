import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { runCommand } from "../parts/run-command.ts";
import { chartFolder, parseRendered, type Rendered, renderText, type ValueSet, valueSets } from "./chart.ts";
import { alertRules } from "./checks/alert-rules.ts";
import { expectedFlows, type FlowValues } from "./checks/expected-flows.ts";
import { folders, testedTemplates } from "./checks/folders.ts";
import { guardedPods } from "./checks/guarded-pods.ts";
import { madeDocuments } from "./checks/made-documents.ts";
import { type NamedPeers, networkFlows } from "./checks/network-flows.ts";
import { noticed } from "./checks/noticed.ts";
import { queues } from "./checks/queues.ts";
import { merge, refusedValues } from "./checks/refused-values.ts";
import { serviceSettings } from "./checks/service-settings.ts";
import { workloadsOf } from "./checks/workloads.ts";
import type { ProgramName } from "./pins.ts";
import type { Program } from "./programs.ts";
import type { KubeSchemas } from "./schemas/open-schemas.ts";

/** One thing that was looked at. */
export type Finding = { readonly what: string; readonly faults: readonly string[] };
type Say = (finding: Finding) => void;

/** What needs no tool: documents in step, bad values refused, folders alike. */
export async function checkFiles(say: Say): Promise<void> {
  const files = (await valueSets()).map(({ file }) => file);
  say({
    what: "values.schema.json and README.md are as their sources make them",
    faults: await madeDocuments(chartFolder),
  });
  const { faults, tried } = await refusedValues(chartFolder, files);
  say({ what: `the schema takes ${files.length} value sets and refuses ${tried} bad values`, faults });
  say({ what: "one folder for each component, the same files in each", faults: await folders(chartFolder) });
  say({ what: "every template has a unit test", faults: await testedTemplates(chartFolder) });
  for (const script of ["check:metrics", "check:rules"]) {
    const run = runCommand("npm", ["run", "--silent", script]);
    say({
      what: `npm run ${script}`,
      faults: await run.then(
        () => [],
        (error: Error) => [error.message],
      ),
    });
  }
}

/** What helm makes of the chart, held against Kubernetes and against what the chart claims. */
export async function checkRendered(
  programs: Record<ProgramName, Program>,
  schemas: KubeSchemas,
  folder: string,
  say: Say,
): Promise<void> {
  const sets = await valueSets();
  const newest = schemas.versions.at(-1) ?? "";
  const helm = programs.helm.path;
  const faultsOf = (error: unknown) => [(error as Error).message];

  await mkdir(folder, { recursive: true });
  const lint = async ({ name, file }: ValueSet) => {
    const args = ["lint", chartFolder, "--strict", "--quiet", "--values", file, "--kube-version", newest];
    say({
      what: `helm lint --strict, ${name}`,
      faults: await runCommand(helm, args).then(() => [], faultsOf),
    });
  };
  const rendered: string[] = [];
  const render = async (set: ValueSet) => {
    const text = await renderText(helm, [set.file], newest).catch((error: Error) => error);
    if (text instanceof Error) return say({ what: `${set.name} renders`, faults: [text.message] });
    const file = join(folder, `${set.name}.yaml`);
    await writeFile(file, text);
    rendered.push(file);
    await proveClaims(set, parseRendered(text), say);
  };
  // Two at a time: each is a program of its own.
  const tested = unitTests(programs["helm-unittest"].path, say);
  for (const set of sets) await Promise.all([lint(set), render(set)]);
  await tested;
  const misspelt = join(folder, "misspelt.yaml");
  await writeFile(misspelt, misspeltObjects);
  for (const version of schemas.versions) {
    const found = await conforms(programs.kubeconform.path, schemas, version, [misspelt]);
    const refused = found.faults.filter((fault) =>
      /additional properties '(tragetPort|maxReplicas)'/.test(fault),
    );
    const faults = refused.length === 2 ? [] : ["a misspelt field was taken", ...found.faults];
    say({ what: `kubeconform, Kubernetes ${version}, refuses misspelt fields`, faults });
    say(await conforms(programs.kubeconform.path, schemas, version, rendered));
  }
}

/** Of a built-in kind and of a custom one: the schemas must be as strict as they are said to be. */
const misspeltObjects = `apiVersion: v1
kind: Service
metadata: { name: misspelt }
spec: { ports: [{ port: 1, tragetPort: 2 }] }
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: { name: misspelt }
spec: { scaleTargetRef: { name: a }, triggers: [{ type: kafka, metadata: { topic: b } }], maxReplicas: 3 }
`;

async function unitTests(program: string, say: Say): Promise<void> {
  const finding = await runCommand(program, ["--strict", "--file", "tests/*_test.yaml", chartFolder]).then(
    (output) => ({ what: /Tests:.*$/m.exec(output)?.[0] ?? "", faults: [] }),
    (error: { cause?: { stdout?: string } }) => ({
      what: "",
      faults: [error.cause?.stdout ?? String(error)],
    }),
  );
  say({ what: `helm-unittest ${finding.what}`, faults: finding.faults });
}

/** Every object of every set by the schemas of one version; one that no schema describes is a fault. */
async function conforms(
  kubeconform: string,
  { locations }: KubeSchemas,
  version: string,
  files: readonly string[],
): Promise<Finding> {
  const where = locations.flatMap((location) => ["-schema-location", location]);
  const args = ["-strict", "-summary", "-output", "json", "-kubernetes-version", version, ...where, ...files];
  const answer = await runCommand(kubeconform, args).catch(
    (error: { cause?: { stdout?: string } }) => error.cause?.stdout ?? String(error),
  );
  type Answer = {
    resources?: { filename: string; kind: string; name: string; msg: string }[];
    summary: { valid: number; invalid: number; errors: number; skipped: number };
  };
  let told: Answer;
  try {
    told = JSON.parse(answer) as Answer;
  } catch {
    return { what: `kubeconform, Kubernetes ${version}`, faults: [answer] };
  }
  const { valid, invalid, errors, skipped } = told.summary;
  const faults = (told.resources ?? []).map(
    ({ filename, kind, name, msg }) => `${filename} ${kind} ${name}: ${msg}`,
  );
  if (valid === 0 || skipped > 0) faults.push(`${valid} objects were looked at, ${skipped} skipped`);
  return {
    what: `kubeconform -strict, Kubernetes ${version}: ${valid} objects of ${files.length} value sets`,
    faults: invalid + errors > 0 && faults.length === 0 ? [answer] : faults,
  };
}

/** What these claims take of the chart's values, which its schema has taken by then. */
type ChartValues = FlowValues & {
  readonly monitoring: { readonly rules: Parameters<typeof alertRules>[1] };
  readonly network: {
    readonly enabled: boolean;
    readonly peers: NamedPeers;
    readonly dns: { readonly peers: readonly object[] };
  };
};

/** What DESIGN and README claim of every deployment, read off what was rendered. */
async function proveClaims({ name, file }: ValueSet, objects: readonly Rendered[], say: Say): Promise<void> {
  const read = async (path: string) => parse(await readFile(path, "utf8"));
  const values = merge(await read(join(chartFolder, "values.yaml")), await read(file)) as ChartValues;
  const pods = workloadsOf(objects);
  say({
    what: `${name}: ${pods.length} kinds of pods guarded, limited, probed and budgeted`,
    faults: guardedPods(objects),
  });
  say({
    what: `${name}: services take their settings, files are mounted`,
    faults: await serviceSettings(objects),
  });
  say({ what: `${name}: each set scaled by one at most, on what it reads`, faults: queues(objects) });
  say({
    what: `${name}: alert rules as they are tested`,
    faults: alertRules(objects, values.monitoring.rules),
  });
  if (!values.network.enabled) return;
  const { open, faults } = flowFaults(objects, values);
  say({ what: `${name}: ${open} flows open, no other`, faults });
  if (name !== noticing) return;
  const harm = await noticed(objects, async (harmed) => [
    ...guardedPods(harmed),
    ...(await serviceSettings(harmed)),
    ...queues(harmed),
    ...flowFaults(harmed, values).faults,
  ]);
  say({ what: `${name}: each of ${harm.tried} harms done to it is noticed`, faults: harm.faults });
}

/** The set that has something of everything. */
const noticing = "production";

function flowFaults(objects: readonly Rendered[], values: ChartValues) {
  const outside = { ...values.network.peers, dns: values.network.dns.peers };
  const { flows, faults } = networkFlows(objects, outside);
  const expected = expectedFlows(values);
  const missing = expected
    .filter((flow) => !flows.includes(flow))
    .map((flow) => `${flow} is needed and closed`);
  const surplus = flows
    .filter((flow) => !expected.includes(flow))
    .map((flow) => `${flow} is open and nobody's`);
  return { open: flows.length, faults: [...faults, ...missing, ...surplus] };
}
