import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { exitCodes } from "./exit-codes.ts";
import { runCli } from "./run-cli.ts";

async function run(...args: string[]) {
  let stdout = "";
  let stderr = "";
  const sink = new PassThrough();
  sink.on("data", (piece: Buffer) => {
    stderr += piece.toString();
  });
  const code = await runCli(["--home", "/nowhere/cos-home", ...args], {
    stdout: {
      write: (text) => {
        stdout += text;
      },
    },
    stderr: sink,
    env: {},
    cwd: "/nowhere",
    interactive: false,
    askHidden: () => Promise.reject(new Error("nobody is here")),
  });
  return { code, stdout, stderr };
}

describe("cos", () => {
  it("explains itself and its exit codes", async () => {
    const { code, stdout } = await run("--help");
    expect(code).toBe(exitCodes.ok);
    for (const command of ["up", "down", "keys", "dataset", "access", "job", "result", "audit", "doctor"]) {
      expect(stdout).toMatch(new RegExp(`^ {2}${command}\\b`, "m"));
    }
    expect(stdout).toContain("Exit codes: 0 done");
  });

  it.each([
    [["no-such-command"]],
    [["keys", "no-such-command"]],
    [["dataset", "show"]],
    [["dataset", "show", "x"]],
    [["dataset", "show", "-1"]],
    [["job", "watch", "0x12"]],
    [["job", "watch", `0x${"1".repeat(64)}`, "--until", "DONE"]],
    [["access", "revoke"]],
    [["audit"]],
    [["audit", "--dataset", "1", "--grant", "1"]],
    [["up", "--workers", "0"]],
    [["--no-such-option"]],
  ])("answers 2 and one line of advice to %j", async (args) => {
    const { code, stdout, stderr } = await run("--platform", "/nowhere/platform.json", ...args);
    expect([exitCodes.usage, exitCodes["not-found"]]).toContain(code);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^cos: .+\[[A-Z_]+\]\n/);
    expect(stderr).not.toMatch(/\n\s+at /); // no stack trace
  });

  it("prints one JSON document and nothing else when asked to", async () => {
    const { code, stdout, stderr } = await run("--json", "job", "list");
    expect(code).toBe(exitCodes["not-found"]);
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toMatchObject({
      error: { kind: "not-found", code: "PLATFORM_UNKNOWN", hint: expect.stringContaining("cos up") },
    });
  });

  it("asks nobody for a passphrase when nobody is there", async () => {
    const { code, stderr } = await run("keys", "new", "--name", "me");
    expect(code).toBe(exitCodes.usage);
    expect(stderr).toContain("--passphrase-file");
  });
});
