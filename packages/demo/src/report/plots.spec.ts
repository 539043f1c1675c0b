import { describe, expect, it } from "vitest";
import { manhattanPlot, minusLog10 } from "./manhattan-plot.ts";
import { qqPlot } from "./qq-plot.ts";

const points = [
  { contig: "1", position: 1, p: 0.1 },
  { contig: "1", position: 100, p: null },
  { contig: "<X>", position: 50, p: 1e-9 },
];

describe("plots", () => {
  it("draws one dot for each marker with a defined P, and none for the others", () => {
    expect(manhattanPlot(points).match(/h0/g)).toHaveLength(2);
    expect(qqPlot(points).match(/h0/g)).toHaveLength(2);
  });

  it("escapes names that come from a user's file", () => {
    expect(manhattanPlot(points)).toContain("&lt;X&gt;");
    expect(manhattanPlot(points)).not.toContain("<X>");
  });

  it("puts P = 0 at the top of the scale instead of at infinity", () => {
    expect(minusLog10(0)).toBe(320);
    expect(minusLog10(1)).toBe(0);
    expect(minusLog10(0.01)).toBeCloseTo(2, 12);
  });
});
