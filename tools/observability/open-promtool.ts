import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { deployCache } from "../deploy/cache-folder.ts";
import { ToolMissing } from "../deploy/tool-missing.ts";
import { findProgram, runCommand } from "../parts/run-command.ts";

/**
 * promtool: the one that `COS_PROMTOOL` names, one that is installed, or that of Debian's package `prometheus`, unpacked once
 * into the cache without installing anything.
 *
 * @throws ToolMissing where none can be had
 */
export async function openPromtool(): Promise<string> {
  if (process.env.COS_PROMTOOL) return process.env.COS_PROMTOOL;
  const folder = join(deployCache(), "promtool");
  return (await findProgram(["promtool"], [join(folder, "usr/bin")])) ?? (await unpack(folder));
}

async function unpack(folder: string): Promise<string> {
  if (!(await findProgram(["apt-get"])) || !(await findProgram(["dpkg-deb"]))) {
    throw new ToolMissing("promtool is missing: install Prometheus, or name its promtool with COS_PROMTOOL");
  }
  await mkdir(deployCache(), { recursive: true });
  const fresh = await mkdtemp(join(deployCache(), "promtool-"));
  try {
    await runCommand("apt-get", ["download", "prometheus"], { cwd: fresh });
    const [file = ""] = (await readdir(fresh)).filter((name) => name.endsWith(".deb"));
    await runCommand("dpkg-deb", ["--extract", join(fresh, file), fresh]);
    await rm(folder, { recursive: true, force: true });
    await rename(fresh, folder);
    return join(folder, "usr/bin/promtool");
  } catch (cause) {
    await rm(fresh, { recursive: true, force: true });
    const [why = ""] = String((cause as Error).message)
      .split("\n")
      .slice(-1);
    throw new ToolMissing(`promtool could not be fetched (Debian package prometheus): ${why}`);
  }
}
