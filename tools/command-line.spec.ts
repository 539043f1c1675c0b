import { describe, expect, it } from "vitest";
import { parseCommandLine } from "./command-line.ts";

const options = {
  quick: { type: "boolean", default: false },
  threads: { type: "string", default: "1,2" },
  json: { type: "string" },
} as const;
const parse = (...args: string[]) => parseCommandLine(args, "how to call it", options, ["threads"]);

describe("a command line", () => {
  it("gives what was said and what stands for the rest", () => {
    expect(parse("--quick", "--json", "a.json")).toEqual({
      kind: "run",
      values: { quick: true, threads: "1,2", json: "a.json" },
    });
    expect(parse("--threads", "4")).toMatchObject({ values: { threads: "4" } });
  });

  it("is explained where somebody asks", () => {
    for (const ask of ["--help", "-h"]) {
      expect(parse("--quick", ask)).toEqual({ kind: "explain", isAsked: true, text: "how to call it" });
    }
  });

  it.each([
    [["--qick"], /^Unknown option '--qick'/],
    [["--json"], /^Option '--json <value>' argument missing/],
    [["more"], /^Unexpected argument 'more'/],
    [["--threads", "two"], /^--threads takes a whole number, not "two"\n/],
    [["--threads", "1,,2"], /^--threads takes a whole number/],
    [["--threads", "-1"], /^Option '--threads' argument is ambiguous/],
  ])("says what is wrong with %j, and how it is called", (args, why) => {
    const line = parse(...args);
    if (line.kind !== "explain") throw new Error("it was read");
    expect(line.isAsked).toBe(false);
    expect(line.text).toMatch(why);
    expect(line.text.endsWith("\n\nhow to call it")).toBe(true);
  });
});
