import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseByteRange, rangeLength } from "./byte-range.ts";

describe("parseByteRange of an object of 10 bytes", () => {
  it.each([
    [undefined, { kind: "whole" }],
    ["bytes=0-0", { kind: "part", first: 0, last: 0 }],
    ["bytes=2-5", { kind: "part", first: 2, last: 5 }],
    ["bytes=9-", { kind: "part", first: 9, last: 9 }],
    ["bytes=9-10", { kind: "part", first: 9, last: 9 }],
    ["bytes=10-", { kind: "unsatisfiable" }],
    ["bytes=10-20", { kind: "unsatisfiable" }],
    ["bytes=-3", { kind: "part", first: 7, last: 9 }],
    ["bytes=-10", { kind: "part", first: 0, last: 9 }],
    ["bytes=-11", { kind: "part", first: 0, last: 9 }],
    ["bytes=-0", { kind: "unsatisfiable" }],
    ["bytes=5-2", { kind: "whole" }],
    ["bytes=-", { kind: "whole" }],
    ["bytes=0-1,3-4", { kind: "whole" }],
    ["rows=0-1", { kind: "whole" }],
    ["bytes=1e1-", { kind: "whole" }],
    ["bytes=99999999999999999999-", { kind: "whole" }],
  ])("%s", (header, range) => expect(parseByteRange(header, 10)).toEqual(range));

  it("never leaves the object, whatever is asked", () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.nat(2000), fc.integer({ min: 1, max: 1000 }), (from, to, size) => {
        const range = parseByteRange(`bytes=${from}-${to}`, size);
        if (range.kind === "part") {
          expect(range.first).toBe(from);
          expect(range.last).toBeLessThan(size);
          expect(rangeLength(range, size)).toBe(Math.min(to, size - 1) - from + 1);
        } else expect(range.kind).toBe(to < from ? "whole" : "unsatisfiable");
      }),
    );
  });
});
