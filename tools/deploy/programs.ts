import { createHash } from "node:crypto";
import { access, mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findProgram, runCommand } from "../parts/run-command.ts";
import { type ProgramName, programPackages } from "./pins.ts";
import { ToolMissing } from "./tool-missing.ts";

const source = fileURLToPath(new URL("./programs", import.meta.url));

export type Program = { readonly path: string; readonly version: string };

/**
 * The chart's programs, built once from pinned Go modules (minutes, at low priority) and kept in the cache.
 * @throws ToolMissing without Go, or when the modules cannot be fetched
 */
export async function openPrograms(cache: string): Promise<Record<ProgramName, Program>> {
  const [manifest, sums] = await Promise.all(
    ["go.mod", "go.sum"].map((name) => readFile(join(source, name), "utf8")),
  );
  const pins = createHash("sha256").update(`${manifest}${sums}`).digest("hex").slice(0, 12);
  const folder = join(cache, `programs-${pins}`);
  if (!(await isThere(join(folder, "built")))) await build(folder, cache);
  const programs = Object.entries(programPackages).map(([name, path]) => {
    // The module is the longest line of the manifest that the package's path begins with.
    const [, version = "?"] =
      [...(manifest ?? "").matchAll(/^\s+(\S+) (v\S+)/gm)]
        .filter(([, module = ""]) => path.startsWith(`${module}/`))
        .map(([, module, found]) => [module, found] as const)
        .at(0) ?? [];
    return [name, { path: join(folder, name), version }] as const;
  });
  return Object.fromEntries(programs) as Record<ProgramName, Program>;
}

async function build(folder: string, cache: string): Promise<void> {
  if (!(await findProgram(["go"]))) {
    throw new ToolMissing(
      "helm, helm-unittest and kubeconform are built with Go 1.26 or newer, which is missing: install Go",
    );
  }
  console.log("building helm, helm-unittest and kubeconform from their Go modules: minutes, once");
  await mkdir(cache, { recursive: true });
  const fresh = await mkdtemp(join(cache, "programs-build-"));
  try {
    for (const [name, path] of Object.entries(programPackages)) {
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
    await rename(fresh, folder).catch(() => {});
  } catch (error) {
    throw new ToolMissing(
      `helm, helm-unittest and kubeconform could not be built from tools/deploy/programs; their modules must be reachable once\n${(error as Error).message}`,
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
