import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, realpath, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { runCommand } from "../../tools/parts/run-command.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

const migrationFiles = [
  "services/*/src/adapters/*/migrations.ts",
  "packages/store/src/messaging-tables.ts",
] as const;

/**
 * The last commit before the schema of any service last changed: what an operator who upgrades today runs.
 * @throws in a clone without history
 */
export async function commitBeforeNewestMigration(): Promise<string> {
  const newest = await git("log", "-1", "--format=%H", "--", ...migrationFiles);
  const before = await git("rev-parse", "--verify", `${newest}^`).catch(() => "");
  if (newest === "" || before === "") {
    throw new Error("this clone lacks the history that an earlier version comes from: git fetch --unshallow");
  }
  return before;
}

/**
 * A version's own sources in a folder, ready to run: its tree out of git, today's packages of the registry, and a
 * compiled addon where there is one.
 */
export async function checkOut(commit: string, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  await runCommand("bash", ["-c", 'git -C "$0" archive "$1" | tar -x -C "$2"', root, commit, folder]);
  await linkPackages(folder);
  const addon = "packages/fhe-native/build";
  if (existsSync(join(root, addon)) && !existsSync(join(folder, addon))) {
    await symlink(join(root, addon), join(folder, addon));
  }
  return realpath(folder);
}

/** Links to the installed packages; the workspaces are the folder's own. */
async function linkPackages(folder: string): Promise<void> {
  const installed = join(root, "node_modules");
  const own = join(folder, "node_modules");
  await mkdir(join(own, "@cos"), { recursive: true });
  for (const name of await readdir(installed)) {
    if (name !== "@cos" && name !== ".package-lock.json") {
      await symlink(join(installed, name), join(own, name));
    }
  }
  for (const group of ["packages", "services"]) {
    for (const name of await readdir(join(folder, group))) {
      const home = join(folder, group, name);
      const manifest = await readFile(join(home, "package.json"), "utf8").catch(() => undefined);
      if (manifest === undefined) continue;
      const { name: called } = JSON.parse(manifest) as { name: string };
      await symlink(home, join(own, called));
      const nested = join(root, group, name, "node_modules");
      if (existsSync(nested)) await symlink(nested, join(home, "node_modules"));
    }
  }
}

const git = (...args: string[]): Promise<string> => runCommand("git", ["-C", root, ...args]);
