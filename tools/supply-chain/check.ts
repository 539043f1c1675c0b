/**
 * `npm run check:supply`: every package is pinned by the digest of its bytes, comes from a registry, runs no script that
 * package.json does not allow, and is under a licence that was read; everything fetched by name is named exactly. Needs
 * no network. Prints every fault and exits 1 if there is one.
 */
import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { readLockfile } from "./lockfile.ts";
import { lockfileFaults } from "./lockfile-faults.ts";
import { unpinned } from "./pins.ts";

const packages = await readLockfile();
const root = JSON.parse(await readFile("package.json", "utf8")) as { allowScripts?: Record<string, boolean> };
const scripts = Object.entries(root.allowScripts ?? {}).flatMap(([name, may]) => (may ? [name] : []));
const naming = execFileSync("git", [
  "ls-files",
  "--",
  "**/package.json",
  "package.json",
  "**/Dockerfile",
  "Dockerfile",
  "docker-compose*.yml",
])
  .toString()
  .trim()
  .split("\n");
const faults = lockfileFaults(packages, new Set(scripts));
for (const file of new Set(naming)) faults.push(...unpinned(file, await readFile(file, "utf8")));
for (const fault of faults) console.error(fault);
if (faults.length === 0) {
  console.log(`${packages.length} packages and ${naming.length} files name what they take`);
}
process.exitCode = faults.length > 0 ? 1 : 0;
