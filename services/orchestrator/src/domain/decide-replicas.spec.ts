import { asAddress, asDigest } from "@cos/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideReplicas } from "./decide-replicas.ts";

const digest = (n: number) => asDigest(`0x${n.toString(16).padStart(64, "0")}`);
const worker = (n: number) => asAddress(`0x${n.toString(16).padStart(40, "0")}`);
const outputs = (...digests: number[]) =>
  digests.map((n, i) => ({ worker: worker(i + 1), digest: digest(n) }));

describe("deciding between replicas", () => {
  it("waits for the wanted number", () => {
    expect(decideReplicas([], 1)).toEqual({ verdict: "PENDING" });
    expect(decideReplicas(outputs(7), 2)).toEqual({ verdict: "PENDING" });
  });

  it("takes equal outputs", () => {
    expect(decideReplicas(outputs(7), 1)).toEqual({ verdict: "AGREED", digest: digest(7), dissenters: [] });
    expect(decideReplicas(outputs(7, 7), 2)).toMatchObject({ verdict: "AGREED", digest: digest(7) });
  });

  it("asks a third worker when two differ, and goes with the majority", () => {
    expect(decideReplicas(outputs(7, 8), 2)).toEqual({ verdict: "TIE_BREAK" });
    expect(decideReplicas(outputs(7, 8, 8), 2)).toEqual({
      verdict: "AGREED",
      digest: digest(8),
      dissenters: [worker(1)],
    });
  });

  it("gives up when the third differs from both", () => {
    expect(decideReplicas(outputs(9, 8, 7), 2)).toEqual({
      verdict: "MISMATCH",
      digests: [digest(7), digest(8), digest(9)],
    });
  });

  it("needs more than half: two of four is no majority", () => {
    expect(decideReplicas(outputs(7, 7, 8), 3)).toEqual({ verdict: "TIE_BREAK" });
    expect(decideReplicas(outputs(7, 7, 8, 8), 3)).toMatchObject({ verdict: "MISMATCH" });
    expect(decideReplicas(outputs(7, 7, 8, 7), 3)).toMatchObject({ verdict: "AGREED", digest: digest(7) });
  });

  it("never lets a minority stand, whatever comes in whatever order", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 7 }),
        fc.integer({ min: 1, max: 6 }),
        (digests, wanted) => {
          const verdict = decideReplicas(outputs(...digests), wanted);
          if (verdict.verdict !== "AGREED") return;
          const votes = digests.filter((n) => digest(n) === verdict.digest).length;
          expect(votes * 2).toBeGreaterThan(digests.length);
          expect(verdict.dissenters.length).toBe(digests.length - votes);
        },
      ),
    );
  });
});
