// Compiles the addon into build/, directly with the compiler that is there. Never fails an install: without a compiler,
// or when it cannot compile this, one line says so and the platform computes with WebAssembly. The root package runs it
// after every install: npm shows what the root's own scripts print, and hides what a workspace's print.
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { addonFile, coreSources, folder, sourceHash } from "./sources.mjs";

const run = promisify(execFile);
const stampFile = join(folder, "build", "stamp.json");

try {
  console.log(`fhe-native: ${await build(process.argv.includes("--force"))}`);
} catch (error) {
  const reason = String(error?.stderr || error?.message || error).trim().split("\n")[0];
  console.warn(`fhe-native: not built (${reason}); encrypted computation runs on WebAssembly`);
}

async function build(force) {
  if (process.platform === "win32") throw new Error("not made for Windows");
  const compiler = await findCompiler();
  const stamp = JSON.stringify({ sources: sourceHash(), compiler, arch: process.arch, platform: process.platform });
  if (!force && readStamp() === stamp) return "up to date";

  mkdirSync(join(folder, "build"), { recursive: true });
  const work = mkdtempSync(join(folder, "build", "work-"));
  try {
    const headers = createRequire(import.meta.url)("node-api-headers").include_dir;
    const common = ["-std=c++20", "-O3", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra"];
    const addon = {
      path: join(folder, "native", "addon.cpp"),
      flags: [`-I${headers}`, `-DFHE_SOURCE_HASH="${sourceHash()}"`, "-DNAPI_VERSION=9"],
    };
    const objects = await Promise.all(
      [...coreSources(), addon].map(async ({ path, flags }) => {
        const object = join(work, `${basename(path, ".cpp")}.o`);
        await run(compiler.path, [...common, ...flags, "-c", path, "-o", object]);
        return object;
      }),
    );
    const link = process.platform === "darwin" ? ["-bundle", "-undefined", "dynamic_lookup"] : ["-shared"];
    const made = join(work, "fhe_native.node");
    // The C++ library goes in: the machine that runs may have an older one than the machine that compiled.
    const tail = process.platform === "linux" ? ["-static-libstdc++", "-static-libgcc", "-ldl"] : [];
    await run(compiler.path, [...link, ...objects, ...tail, "-o", made]);
    renameSync(made, addonFile); // at once: a process that has the old one open keeps it
    writeFileSync(stampFile, stamp);
    return `built with ${compiler.version}`;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function findCompiler() {
  for (const path of [process.env.CXX, "c++", "g++", "clang++"]) {
    if (!path) continue;
    try {
      const { stdout } = await run(path, ["--version"]);
      return { path, version: stdout.split("\n")[0] };
    } catch {
      // the next one
    }
  }
  throw new Error("no C++ compiler found");
}

function readStamp() {
  try {
    readFileSync(addonFile);
    return readFileSync(stampFile, "utf8");
  } catch {
    return undefined;
  }
}
