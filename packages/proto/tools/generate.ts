import { spawnSync } from "node:child_process";
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root, where buf.yaml lies. */
export const root = fileURLToPath(new URL("../../../", import.meta.url));
/** The committed output. */
export const generatedDir = join(root, "packages/proto/src/gen");

/** Runs `buf` from node_modules in the repository's root; throws with its output when it fails. */
export function buf(...args: readonly string[]): void {
  const bin = join(root, "node_modules/.bin");
  const path = `${bin}${process.platform === "win32" ? ";" : ":"}${process.env["PATH"] ?? ""}`;
  const run = spawnSync(join(bin, "buf"), args, {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, PATH: path },
  });
  if (run.status !== 0) throw new Error(`buf ${args[0]} failed\n${run.stdout}${run.stderr}`);
}

/** Generates TypeScript and the descriptor set of every proto file into `outDir`. */
export function generate(outDir: string): void {
  rmSync(outDir, { recursive: true, force: true });
  mkdirSync(outDir, { recursive: true });
  const template = { version: "v2", plugins: [{ local: "protoc-gen-ts_proto", out: outDir, opt: options }] };
  buf("generate", "--template", JSON.stringify(template));
  buf("build", "--exclude-source-info", "--output", join(outDir, "descriptors.binpb"));
}

/** What type-checks with erasable syntax only and runs as it is: no enums, `.ts` imports, 64-bit integers as bigint. */
const options = [
  "esModuleInterop=true",
  "importSuffix=.ts",
  "outputServices=grpc-js",
  "enumsAsLiterals=true",
  "forceLong=bigint",
  "oneof=unions-value",
  "useOptionals=none",
  "outputJsonMethods=to-only",
  "exportCommonSymbols=false",
];

/** Generates aside and swaps, so that nobody who imports the code meanwhile finds it missing. */
function regenerate(): void {
  const fresh = `${generatedDir}.new`;
  generate(fresh);
  rmSync(generatedDir, { recursive: true, force: true });
  renameSync(fresh, generatedDir);
}

if (import.meta.main) regenerate();
