import { access, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { findProgram, runCommand } from "./run-command.ts";
import { PartUnavailable } from "./unavailable.ts";

/** A program that is built from a Go module, at one version. */
export type GoProgram = {
  readonly name: string;
  readonly package: string;
  readonly version: string;
  /** What to do without Go. */
  readonly otherwise: string;
};

/** Builds it once (minutes, at low priority) and keeps it in the cache. @returns the program's path */
export async function goProgram(
  { name, package: source, version, otherwise }: GoProgram,
  cache: string,
): Promise<string> {
  const folder = join(cache, `${name}-${version}`);
  const program = join(folder, name);
  const built = await access(program).then(
    () => true,
    () => false,
  );
  if (built) return program;
  if (!(await findProgram(["go"])))
    throw new PartUnavailable(`${name} is built with Go, which is missing: ${otherwise}`);
  await mkdir(cache, { recursive: true });
  const fresh = await mkdtemp(join(cache, `${name}-build-`));
  try {
    const args = ["-n", "10", "go", "install", "-trimpath", "-ldflags=-s -w", `${source}@${version}`];
    await runCommand("nice", args, { cwd: fresh, env: { GOBIN: fresh, CGO_ENABLED: "0" } }).catch((error) => {
      throw new PartUnavailable(`${name} could not be built; ${otherwise}\n${(error as Error).message}`);
    });
    // Two that build at once: the first to finish gives the name, and the other's is as good.
    await rename(fresh, folder).catch(() => {});
    return program;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}
