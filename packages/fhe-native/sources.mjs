// What the addon is made of. Plain JavaScript: the install script runs under any Node.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const folder = fileURLToPath(new URL(".", import.meta.url));
export const addonFile = join(folder, "build", "fhe_native.node");

const x86Flags = {
  "kernels_avx2.cpp": ["-mavx2"],
  "kernels_avx512.cpp": [
    ...["f", "vl", "bw", "dq", "ifma", "vbmi"].map((feature) => `-mavx512${feature}`),
    "-mpopcnt",
    // GCC 12's own headers start undefined vectors from themselves.
    "-Wno-unknown-warning-option",
    "-Wno-uninitialized",
    "-Wno-maybe-uninitialized",
  ],
};

/** Core files, each with the flags of its CPU level. */
export function coreSources(arch = process.arch) {
  return readdirSync(join(folder, "native", "core"))
    .filter((name) => name.endsWith(".cpp"))
    .sort()
    .map((name) => ({
      path: join(folder, "native", "core", name),
      flags: arch === "x64" ? (x86Flags[name] ?? []) : [],
    }));
}

/** SHA-256 over every file that the addon is made of: tells a build from one of other sources. */
export function sourceHash() {
  const hash = createHash("sha256");
  const add = (...path) => hash.update(path.join("/")).update("\0").update(readFileSync(join(folder, ...path)));
  for (const name of readdirSync(join(folder, "native", "core")).sort()) add("native", "core", name);
  for (const name of ["native/addon.cpp", "build.mjs", "sources.mjs"]) add(name);
  return hash.digest("hex");
}
