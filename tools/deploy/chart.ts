import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import { runCommand } from "../parts/run-command.ts";

export const chartFolder = fileURLToPath(new URL("../../deploy/helm/cos", import.meta.url));
export const release = "cos";

/** A rendered object; what it holds beyond its names is for those who know its kind (`checks/kubernetes.ts`). */
export type Rendered = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: unknown;
};

export type ValueSet = { readonly name: string; readonly file: string };

/** The value sets that CI renders, by name: `production` of `ci/production-values.yaml`. */
export async function valueSets(): Promise<ValueSet[]> {
  const folder = join(chartFolder, "ci");
  const files = (await readdir(folder)).filter((file) => file.endsWith("-values.yaml")).toSorted();
  return files.map((file) => ({ name: basename(file, "-values.yaml"), file: join(folder, file) }));
}

/** What the chart makes of values, as text. */
export const renderText = (helm: string, files: readonly string[], kubeVersion: string): Promise<string> =>
  runCommand(helm, [
    "template",
    release,
    chartFolder,
    ...files.flatMap((file) => ["--values", file]),
    "--namespace",
    "cos",
    "--kube-version",
    kubeVersion,
  ]);

export const parseRendered = (text: string): Rendered[] =>
  parseAllDocuments(text).flatMap((document) => {
    const object = document.toJS() as Rendered | null;
    return object === null ? [] : [object];
  });
