import { createHash } from "node:crypto";
import { access, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findProgram, runCommand } from "../../parts/run-command.ts";
import { crdModules, kubernetesModules } from "../pins.ts";
import { ToolMissing } from "../tool-missing.ts";
import { crdSchemas } from "./crd-schemas.ts";
import { kubernetesSchemas } from "./kubernetes-schemas.ts";

export type KubeSchemas = {
  /** Pattern for kubeconform's `-schema-location`, built-in kinds and custom ones. */
  readonly locations: readonly string[];
  /** `1.36.3`, in order. */
  readonly versions: readonly string[];
};

/**
 * JSON Schemas of several Kubernetes versions and of the custom resources that the chart speaks, made once out of what
 * their Go modules carry (a gigabyte is fetched and thrown away again) and kept in the cache.
 * @throws ToolMissing without Go, or when a module cannot be fetched
 */
export async function openSchemas(cache: string): Promise<KubeSchemas> {
  const converters = ["strict-schema.ts", "kubernetes-schemas.ts", "crd-schemas.ts"];
  const sources = await Promise.all(
    converters.map((name) => readFile(fileURLToPath(new URL(`./${name}`, import.meta.url)), "utf8")),
  );
  const pins = JSON.stringify([kubernetesModules, crdModules, sources]);
  const folder = join(cache, `schemas-${createHash("sha256").update(pins).digest("hex").slice(0, 12)}`);
  const isMade = await access(folder).then(
    () => true,
    () => false,
  );
  if (!isMade) await make(folder, cache);
  const file = "{{.ResourceKind}}{{.KindSuffix}}.json";
  return {
    locations: [join(folder, "{{.NormalizedKubernetesVersion}}", file), join(folder, "custom", file)],
    versions: kubernetesModules.map((version) => version.slice(1)),
  };
}

async function make(folder: string, cache: string): Promise<void> {
  if (!(await findProgram(["go"]))) {
    throw new ToolMissing(
      "the schemas of Kubernetes come as Go modules, and Go is missing: install Go 1.26 or newer",
    );
  }
  console.log("making schemas of Kubernetes and custom resources from their Go modules: minutes, once");
  await mkdir(cache, { recursive: true });
  const fresh = await mkdtemp(join(cache, "schemas-build-"));
  try {
    for (const version of kubernetesModules) {
      await withModule(`k8s.io/kubernetes@${version}`, cache, async (module) => {
        const text = await readFile(join(module, "api/openapi-spec/swagger.json"), "utf8");
        await write(join(fresh, version), kubernetesSchemas(JSON.parse(text)));
      });
    }
    for (const { module, version, files } of crdModules) {
      await withModule(`${module}@${version}`, cache, async (root) => {
        for (const name of files) {
          await write(join(fresh, "custom"), crdSchemas(await readFile(join(root, name), "utf8")));
        }
      });
    }
    await rename(fresh, folder).catch(() => {});
  } catch (error) {
    if (error instanceof ToolMissing) throw error;
    throw new ToolMissing(`the schemas of Kubernetes could not be made\n${(error as Error).message}`);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

/** Fetches a module, checked against the checksum database, into a folder that is gone afterwards. */
async function withModule(
  module: string,
  cache: string,
  use: (folder: string) => Promise<void>,
): Promise<void> {
  const temporary = await mkdtemp(join(cache, "module-"));
  try {
    const env = { GOMODCACHE: temporary, GOFLAGS: "-modcacherw" };
    const answer = await runCommand("nice", ["-n", "19", "go", "mod", "download", "-json", module], {
      cwd: temporary,
      env,
    });
    await use((JSON.parse(answer) as { Dir: string }).Dir);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function write(folder: string, schemas: ReadonlyMap<string, object>): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, schema] of schemas) await writeFile(join(folder, `${name}.json`), JSON.stringify(schema));
}
