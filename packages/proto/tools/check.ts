import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buf, generate, generatedDir } from "./generate.ts";

/** Paths that differ between two folders, by name or by bytes. */
export function differences(left: string, right: string): string[] {
  const files = (dir: string): string[] =>
    readdirSync(dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
      .sort();
  const names = new Set([...files(left), ...files(right)]);
  return [...names].filter((name) => !sameFile(join(left, name), join(right, name)));
}

function sameFile(left: string, right: string): boolean {
  try {
    return readFileSync(left).equals(readFileSync(right));
  } catch {
    return false;
  }
}

function main(): void {
  buf("lint");
  const scratch = mkdtempSync(join(tmpdir(), "cos-proto-"));
  try {
    generate(scratch);
    const changed = differences(generatedDir, scratch);
    if (changed.length === 0) {
      console.log("proto: lint clean, generated code up to date");
      return;
    }
    console.error(
      `proto: generated code is stale, run npm run proto:gen -w packages/proto\n${changed.join("\n")}`,
    );
    process.exitCode = 1;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

if (import.meta.main) main();
