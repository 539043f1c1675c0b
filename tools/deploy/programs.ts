import { createHash } from "node:crypto";
import { access, mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findProgram, runCommand } from "../parts/run-command.ts";
import { collectorPackage, type ProgramName, programPackages } from "./pins.ts";
import { ToolMissing } from "./tool-missing.ts";

export type Program = { readonly path: string; readonly version: string };

/** A Go module of this folder and what is built from it. */
type Module = {
  readonly folder: "programs" | "collector";
  readonly packages: Readonly<Record<string, string>>;
};

/**
 * The chart's programs, built once from pinned Go modules (minutes, at low priority) and kept in the cache.
 * @throws ToolMissing without Go, or when the modules cannot be fetched
 */
export async function openPrograms(cache: string): Promise<Record<ProgramName, Program>> {
  const { built, manifest } = await openModule({ folder: "programs", packages: programPackages }, cache);
  const programs = Object.entries(programPackages).map(([name, path]) => [
    name,
    { path: join(built, name), version: versionOf(path, manifest) },
  ]);
  return Object.fromEntries(programs) as Record<ProgramName, Program>;
}

/**
 * The collector with the components that the project's configuration names; 90 seconds to build, once.
 * @throws ToolMissing as `openPrograms` does
 */
export async function openCollector(cache: string): Promise<Program> {
  const { built, manifest } = await openModule({ folder: "collector", packages: { otelcol: "." } }, cache);
  return { path: join(built, "otelcol"), version: versionOf(`${collectorPackage}/`, manifest) };
}

/** Of the module that the package's path begins with. */
function versionOf(path: string, manifest: string): string {
  const modules = [...manifest.matchAll(/^\s+(\S+) (v\S+)/gm)];
  return modules.find(([, module = ""]) => path.startsWith(`${module}/`))?.[2] ?? "?";
}

async function openModule(module: Module, cache: string): Promise<{ built: string; manifest: string }> {
  const source = fileURLToPath(new URL(`./${module.folder}`, import.meta.url));
  const files = (await readdir(source)).filter((name) => /^go\.(mod|sum)$|\.go$/.test(name)).toSorted();
  const texts = await Promise.all(files.map((name) => readFile(join(source, name), "utf8")));
  const pins = createHash("sha256").update(texts.join("")).digest("hex").slice(0, 12);
  const built = join(cache, `${module.folder}-${pins}`);
  if (!(await isThere(join(built, "built")))) await build(module, source, built, cache);
  return { built, manifest: texts[files.indexOf("go.mod")] ?? "" };
}

async function build(
  { folder, packages }: Module,
  source: string,
  built: string,
  cache: string,
): Promise<void> {
  const names = Object.keys(packages).join(", ");
  if (!(await findProgram(["go"]))) {
    throw new ToolMissing(`${names}: built with Go 1.26 or newer, which is missing: install Go`);
  }
  console.log(`building ${names} from Go modules: minutes, once`);
  await mkdir(cache, { recursive: true });
  const fresh = await mkdtemp(join(cache, `${folder}-build-`));
  try {
    for (const [name, path] of Object.entries(packages)) {
      const args = [
        "build",
        "-mod=readonly",
        "-buildvcs=false",
        "-trimpath",
        "-ldflags=-s -w",
        "-o",
        join(fresh, name),
        path,
      ];
      await runCommand("nice", ["-n", "19", "go", ...args], { cwd: source, env: { CGO_ENABLED: "0" } });
    }
    await mkdir(join(fresh, "built"));
    // Two that build at once: the first to finish gives the name, and the other's is as good.
    await rename(fresh, built).catch(() => {});
  } catch (error) {
    throw new ToolMissing(
      `${names} could not be built from tools/deploy/${folder}; their modules must be reachable once\n${(error as Error).message}`,
    );
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
