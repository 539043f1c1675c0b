#!/usr/bin/env node
// Runs `cos` under the Node.js that the npm package `node` brought, so that it starts from any Node.js 20 or later.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const main = join(dirname(fileURLToPath(import.meta.url)), "..", "src", "main.ts");
const binary = process.platform === "win32" ? "node.exe" : "node";
let node = process.execPath;
try {
  const own = join(dirname(require.resolve("node/package.json")), "bin", binary);
  if (existsSync(own)) node = own;
} catch {
  // not installed beside us: the Node.js that runs this must do
}
const child = spawn(node, ["--disable-warning=ExperimentalWarning", main, ...process.argv.slice(2)], { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => {
  console.error(`cos: cannot start Node.js: ${error.message}`);
  process.exitCode = 1;
});
child.on("exit", (code, signal) => {
  process.exitCode = code ?? (signal === null ? 1 : 128 + (signal === "SIGINT" ? 2 : 15));
});
