import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addonFile, folder, sourceHash } from "../sources.mjs";
import { chooseEngine, createEngine } from "../src/index.ts";
import { addon, describeNative } from "./available.ts";

let tools: string;
beforeAll(() => {
  tools = mkdtempSync(join(tmpdir(), "cos-no-compiler-"));
});
afterAll(() => rmSync(tools, { recursive: true, force: true }));

/** Runs the install script where no compiler but `CXX` can be found. */
const install = (environment: Record<string, string> = {}) =>
  spawnSync(process.execPath, [join(folder, "build.mjs"), "--force"], {
    encoding: "utf8",
    env: { PATH: tools, ...environment },
  });

/** What the build folder holds: a failed build must leave it as it was. */
const built = (): string[] => {
  try {
    const build = join(folder, "build");
    return readdirSync(build)
      .filter((name) => name !== "fuzz")
      .map((name) => `${name} ${statSync(join(build, name)).mtimeMs}`);
  } catch {
    return [];
  }
};

describe("the install script", () => {
  it.each([
    ["there is no compiler", () => ({}), "no C++ compiler found"],
    [
      "the compiler cannot compile this",
      () => ({ CXX: compiler("echo sorry, no C++20 >&2; exit 1") }),
      "sorry",
    ],
    ["the compiler is killed", () => ({ CXX: compiler("kill -9 $$") }), "not built"],
  ])("never fails, says so in one line and changes nothing when %s", (_, environment, words) => {
    const before = built();
    const { status, stderr, stdout } = install(environment());
    expect(status).toBe(0);
    expect(stdout).toBe("");
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(stderr).toContain(words);
    expect(stderr).toContain("encrypted computation runs on WebAssembly");
    expect(built()).toEqual(before);
  });

  const compiler = (failure: string): string => {
    const path = join(tools, "odd-compiler");
    writeFileSync(path, `#!/bin/sh\nif [ "$1" = --version ]; then echo odd 1.0; exit 0; fi\n${failure}\n`);
    chmodSync(path, 0o755);
    return path;
  };
});

describe("the engine's choice", () => {
  it("is WebAssembly where that is set, whatever is there", async () => {
    expect(chooseEngine("wasm")).toEqual({
      name: "wasm",
      level: null,
      description: "wasm (SEAL's evaluator; as set)",
    });
    expect((await createEngine("wasm")).name).toBe("wasm");
  });

  it("is by itself what there is, and says why", () => {
    const choice = chooseEngine("auto");
    if (addon === undefined) {
      expect(choice).toMatchObject({ name: "wasm", level: null });
      expect(choice.description).toContain("no native engine: ");
      expect(() => chooseEngine("native")).toThrow("no native engine");
    } else {
      const level = addon.levels()[0];
      expect(choice).toEqual({ name: "native", level, description: `native (${level})` });
    }
  });
});

describeNative("the addon", () => {
  it("is built from these sources", () => {
    expect(addon?.sourceHash()).toBe(sourceHash());
    // And the hash is of the sources: it is in the file that was compiled with it, not somewhere beside it.
    expect(readFileSync(addonFile).includes(sourceHash())).toBe(true);
  });
});
