/**
 * Small rules that no linter knows: no registry host or machine path in a tracked file, no download address in the
 * lockfile, no long source file without a reason. Prints every fault and exits 1 if there is one.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const maxSourceLines = 400;
const longOnPurpose = new Set<string>([]);

const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => file !== "" && !file.startsWith("packages/chain/src/abi/") && !file.includes("/gen/"));

const faults: string[] = [];
for (const file of files) {
  if (/\.(binpb|bed|gz|png|age|wasm)$/.test(file)) continue;
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    continue; // deleted in the working tree
  }
  if (file === "package-lock.json" && /"resolved": "https?:/.test(text))
    faults.push(`${file}: names download addresses`);
  if (
    /registry\.npmjs\.|proxy\.golang\.|repo1?\.maven|deb\.debian\.|files\.pythonhosted/.test(text) &&
    file !== "tools/check-tree.ts"
  ) {
    faults.push(`${file}: names a registry host`);
  }
  if (/\/work\/(main|shared)\b/.test(text) && file !== "tools/check-tree.ts")
    faults.push(`${file}: names a path of one machine`);
  const lines = text.split("\n").length;
  if (/\.ts$/.test(file) && !/\.spec\.ts$/.test(file) && lines > maxSourceLines && !longOnPurpose.has(file)) {
    faults.push(`${file}: ${lines} lines; split it by meaning (limit ${maxSourceLines})`);
  }
}
for (const fault of faults) console.error(fault);
if (faults.length === 0) console.log(`${files.length} files keep the small rules`);
process.exitCode = faults.length > 0 ? 1 : 0;
