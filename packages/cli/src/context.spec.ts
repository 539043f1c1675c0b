import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { Context, type GlobalOptions } from "./context.ts";

const platformFile = (options: GlobalOptions, env: Record<string, string> = {}): string =>
  new Context(
    {
      stdout: { write: () => {} },
      stderr: new PassThrough(),
      env,
      cwd: "/here",
      interactive: false,
      askHidden: () => Promise.reject(new Error("nobody is here")),
    },
    { home: "/home/cos", ...options },
  ).platformFile;

describe("which platform a command talks to", () => {
  it.each([
    [{}, {}, "/home/cos/platform.json"],
    [{ platform: "p.json" }, { COS_PLATFORM: "q.json" }, "/here/p.json"],
    [{ profile: "compose" }, {}, "/home/cos/profiles/compose.json"],
    [{ profile: "compose" }, { COS_PLATFORM: "q.json" }, "/home/cos/profiles/compose.json"],
    [{}, { COS_PLATFORM: "q.json", COS_PROFILE: "compose" }, "/here/q.json"],
    [{}, { COS_PROFILE: "compose" }, "/home/cos/profiles/compose.json"],
  ])("%j with %j is %s", (options, env, file) => {
    expect(platformFile(options, env)).toBe(file);
  });

  it.each(["../keys/me", "a/b", "", ".", "A"])("refuses the profile name %j", (profile) => {
    expect(() => platformFile({ profile })).toThrow(expect.objectContaining({ code: "BAD_PROFILE" }));
  });

  it("refuses two answers", () => {
    const both = { platform: "p.json", profile: "compose" };
    expect(() => platformFile(both)).toThrow(expect.objectContaining({ code: "TWO_PLATFORMS" }));
  });
});
