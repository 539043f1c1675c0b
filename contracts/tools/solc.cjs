// Answers what forge asks of a compiler: `--version`, and `--standard-json` on standard input.
// Options such as --allow-paths are ignored: forge sends every source inline.
const { readFileSync, writeSync } = require("node:fs");

// The emscripten build installs handlers that swallow stack traces; ours must stay.
const before = process.listeners("uncaughtException").slice();
const solc = require("solc");
process.removeAllListeners("uncaughtException");
for (const listener of before) process.on("uncaughtException", listener);

/** Writes all of `text`, although a pipe may take only part of it at a time. */
function print(text) {
  const bytes = Buffer.from(text, "utf8");
  let at = 0;
  while (at < bytes.length) {
    try {
      at += writeSync(1, bytes, at);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
    }
  }
}

const args = process.argv.slice(2);
if (args.includes("--version")) {
  print(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`);
} else if (args.includes("--standard-json")) {
  print(solc.compile(readFileSync(0, "utf8")));
} else {
  process.stderr.write(`solc: only --version and --standard-json are supported, got: ${args.join(" ")}\n`);
  process.exitCode = 2;
}
