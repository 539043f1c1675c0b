// Builds the C++ core with the address and undefined-behaviour sanitizers and runs it on hostile inputs: the same ones
// every time, and, where clang++ brings libFuzzer, ones that coverage guides. `node fuzz.mjs [inputs] [seconds]`
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { coreSources, folder } from "./sources.mjs";

const inputs = process.argv[2] ?? "2000";
const seconds = process.argv[3] ?? "60";
const work = join(folder, "build", "fuzz");
mkdirSync(work, { recursive: true });

// Distributions put the version behind the name.
const clangs = ["clang++", ...Array.from({ length: 17 }, (_, i) => `clang++-${30 - i}`)];
const clang = clangs.find((name) => works(name, ["--version"]));
const compiler = [process.env.CXX, "g++", "c++", clang].find((name) => name && works(name, ["--version"]));
if (compiler === undefined) {
  console.log("no C++ compiler here: nothing was fuzzed");
} else {
  run(build(compiler, "driver", []), [inputs]);
  if (clang !== undefined) {
    run(build(clang, "fuzz_target", ["-fsanitize=fuzzer"]), [`-max_total_time=${seconds}`, "-max_len=4096"]);
  } else {
    console.log("no clang++ here: the coverage-guided part was left out, the fixed inputs ran");
  }
}

function build(compiler, main, extra) {
  const sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", ...extra];
  const flags = ["-std=c++20", "-O1", "-g", "-fno-omit-frame-pointer", ...sanitizers];
  const own = ["exercise", main].map((name) => ({ path: join(folder, "native", "fuzz", `${name}.cpp`), flags: [] }));
  const objects = [...coreSources(), ...own].map((source) => {
    const object = join(work, `${main}-${basename(source.path, ".cpp")}.o`);
    run(compiler, [...flags, ...source.flags, "-c", source.path, "-o", object]);
    return object;
  });
  const program = join(work, main);
  run(compiler, [...sanitizers, ...objects, "-ldl", "-o", program]);
  return program;
}

function works(command, parameters) {
  return spawnSync(command, parameters, { stdio: "ignore" }).status === 0;
}

function run(command, parameters) {
  const { status, signal } = spawnSync(command, parameters, { stdio: "inherit" });
  if (status !== 0) {
    console.error(`${basename(command)} ${parameters.join(" ")}: ${signal ?? status}`);
    process.exit(1);
  }
}
