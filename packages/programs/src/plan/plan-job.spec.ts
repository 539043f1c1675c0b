import { sumsProfile } from "@cos/fhe";
import { type Manifest, unwrap } from "@cos/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { plainManifest } from "../../test/plain-manifest.ts";
import { allelicAssociation } from "../built-in/allelic-association.ts";
import { linearRegressionProgram } from "../built-in/linear-regression.ts";
import type { Program } from "../program.ts";
import { entriesOfPlan, keyOfEntry, type Plan, planDigestOf, taskIdOf } from "./plan.ts";
import { planJob } from "./plan-job.ts";

const params = { trait: "t" };
const plan = (manifest: Manifest, program: Program = allelicAssociation) =>
  planJob({ program, manifests: [manifest], params });

describe("planJob for counts", () => {
  it("sums 54 people at a time: 2 * 54 fits a base-109 digit, 2 * 55 does not", () => {
    const planned = unwrap(plan(plainManifest({ segments: [{ rows: 130 }], blocks: [40, 30] })));
    expect(planned.datasets[0]?.maxRowsPerRun).toBe(54);
    expect(planned.runs.map((r) => r.rows)).toEqual([54, 54, 22]);
    // Everybody (degree 1); cases and controls ride in one product, because two columns fit one ciphertext.
    expect(planned.contractions.map((c) => c.degree)).toEqual([1, 2]);
    expect(entriesOfPlan(planned)).toHaveLength(2 * 3 * 2);
  });

  it("uses a product per column where variants fill the ring", () => {
    const planned = unwrap(plan(plainManifest({ segments: [{ rows: 54 }], blocks: [2_000] })));
    expect(planned.contractions.map((c) => c.degree)).toEqual([1, 2, 2]);
  });

  it("takes controls as everybody less the cases where a trait has cases alone", () => {
    const manifest = plainManifest({ segments: [{ rows: 54 }], blocks: [2_000], isComplete: true });
    const planned = unwrap(plan(manifest));
    expect(planned.contractions.map((c) => c.degree)).toEqual([1, 2]);
    const readouts = planned.datasets[0]?.readouts.map((r) => [r.sum, r.contraction, r.sign]);
    expect(readouts?.slice(-4)).toEqual([
      ["controlAlleles", 0, 1],
      ["controlAlleles", 1, -1],
      ["controlCalled", 0, 1],
      ["controlCalled", 1, -1],
    ]);
    const summing = (...product: string[]): Program => ({
      ...allelicAssociation,
      sums: [{ name: "controls", over: "sample", product }],
    });
    // How many people there are is encrypted nowhere, so that those who are no case cannot be counted by themselves.
    expect(plan(manifest, summing("y.control"))).toMatchObject({ error: { code: "LAYOUT_MISSING" } });
    expect(plan(manifest, summing("y.control", "y.control"))).toMatchObject({ ok: false });
    expect(unwrap(plan(manifest, summing("y.case"))).contractions).toHaveLength(1);
    expect(unwrap(plan(manifest, summing("y.control", "G.alleles"))).contractions).toHaveLength(2);
  });

  it("refuses a result that no store takes as one object", () => {
    // 54,000 people are 1,000 runs; each has 2 + 3 + 3 polynomials of 12,800 bytes for each block of variants.
    const blocks: number[] = Array(49).fill(2_048);
    expect(plan(plainManifest({ segments: [{ rows: 54_000 }], blocks }))).toEqual({
      ok: false,
      error: { code: "RESULT_TOO_LARGE", resultBytes: 5_017_600_000, maxResultBytes: 5_000_000_000 },
    });
  });

  it("refuses one sum over a cohort that overflows, with the numbers that prove it", () => {
    const whole = { ...allelicAssociation, partition: "whole" as const };
    expect(unwrap(plan(plainManifest({ segments: [{ rows: 54 }], blocks: [5] }), whole)).runs).toHaveLength(
      1,
    );
    expect(plan(plainManifest({ segments: [{ rows: 55 }], blocks: [5] }), whole)).toEqual({
      ok: false,
      error: {
        code: "PLAINTEXT_OVERFLOW",
        sum: "alleles",
        rows: 55,
        maxSum: "110",
        limit: "109",
        dataset: 0,
      },
    });
  });

  it("refuses a sum that noise would drown before the plaintext overflows", () => {
    const manifest = plainManifest({ segments: [{ rows: 216 }], blocks: [5] });
    const small = structuredClone(manifest);
    // Without the second digit, 2 * 216 is far below t, but 216 products are too noisy for one 50-bit prime.
    small.arrays[0]!.channels = [small.arrays[0]!.channels[0]!];
    const program: Program = {
      ...allelicAssociation,
      partition: "whole",
      inputs: { G: { array: "genotypes", quantities: { alleles: "2" } }, y: allelicAssociation.inputs.y! },
      sums: [{ name: "cases", over: "sample", product: ["G.alleles", "y.case"] }],
    };
    const refused = plan(small, program);
    expect(refused).toMatchObject({ error: { code: "NOISE_OVERFLOW", rows: 216 } });
    expect(!refused.ok && "budgetBits" in refused.error && refused.error.budgetBits).toBeLessThan(0);
  });
});

describe("planJob for quantities", () => {
  it("sums 1,024 people at a time: 2 * 1024 * (2^17 - 1) is just below t", () => {
    expect(2n * 1_024n * (2n ** 17n - 1n) < sumsProfile.plainModulus).toBe(true);
    expect(2n * 1_025n * (2n ** 17n - 1n) < sumsProfile.plainModulus).toBe(false);
    const manifest = plainManifest({ layout: "fixed-point", segments: [{ rows: 1_100 }], blocks: [50] });
    const planned = unwrap(plan(manifest, linearRegressionProgram));
    expect(planned.datasets[0]?.maxRowsPerRun).toBe(1_024);
    expect(planned.runs.map((r) => r.rows)).toEqual([1_024, 76]);
    const kinds = new Set(planned.datasets[0]?.readouts.map((r) => r.sum));
    expect([...kinds]).toEqual(["alleles", "called", "n", "g", "gg", "y", "yy", "gy"]);
  });
});

describe("planJob", () => {
  it("depends on nothing but its request", () => {
    const manifest = plainManifest({ segments: [{ rows: 300 }, { rows: 50 }], blocks: [40, 30] });
    const shuffled: Manifest = JSON.parse(JSON.stringify(manifest));
    const [a, b] = [unwrap(plan(manifest)), unwrap(plan(shuffled))];
    expect(planDigestOf(a)).toBe(planDigestOf(b));
    expect(taskIdOf(planDigestOf(a), 0)).not.toBe(taskIdOf(planDigestOf(a), 1));
    const other = structuredClone(manifest);
    other.version.effectiveAt = 9;
    expect(planDigestOf(unwrap(plan(other)))).not.toBe(planDigestOf(a));
  });

  it("covers every person of every block exactly once, whatever the sizes", () => {
    const sizes = fc.record({
      rows: fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 3 }),
      blocks: fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 30 }),
      layout: fc.constantFrom("allele-counts" as const, "fixed-point" as const),
    });
    fc.assert(
      fc.property(sizes, ({ rows, blocks, layout }) => {
        const manifest = plainManifest({ layout, segments: rows.map((r) => ({ rows: r })), blocks });
        const program = layout === "fixed-point" ? linearRegressionProgram : allelicAssociation;
        const planned = unwrap(plan(manifest, program));
        expect(coverage(planned)).toEqual(
          blocks.map(() => rows.reduce((sum, r) => sum + r, 0) * planned.contractions.length),
        );
        const max = planned.datasets[0]?.maxRowsPerRun as number;
        expect(planned.runs.every((run) => run.rows >= 1 && run.rows <= max)).toBe(true);
        expect(planned.runs.reduce((sum, run) => sum + run.rows, 0)).toBe(
          rows.reduce((sum, r) => sum + r, 0),
        );
        expect(new Set(entriesOfPlan(planned).map(keyOfEntry)).size).toBe(
          blocks.length * planned.runs.length * planned.contractions.length,
        );
        expect(planned.tasks.at(-1)?.kind).toBe("reduce");
      }),
      { numRuns: 40 },
    );
  });

  it("does not walk what a hostile manifest only promises", () => {
    const rows = plainManifest({ segments: [{ rows: 60 }], blocks: [5] });
    rows.segments[0]!.rowsPadded = 2 ** 31 - 1;
    for (const array of rows.arrays) array.rowsPerBlock = 60;
    expect(unwrap(plan(rows)).runs.map((r) => r.rows)).toEqual([54, 6]);

    const wide = plainManifest({ layout: "fixed-point", segments: [{ rows: 60 }], blocks: [5] });
    for (const array of wide.arrays) {
      array.ciphertextsPerRow = 200;
      array.channels = Array.from({ length: 200 }, (_, ciphertext) => ({
        ...array.channels[0]!,
        name: `c${ciphertext}`,
        quantity: array.trait === undefined ? "called" : "present",
        bound: "0",
        at: { ciphertext, coefficient: 0, multiplier: "1" },
      }));
    }
    const program: Program = {
      ...linearRegressionProgram,
      inputs: {
        G: { array: "genotypes", quantities: { called: "1" } },
        y: { trait: "trait", quantities: { present: "1" } },
      },
      sums: [{ name: "n", over: "sample", product: ["G.called", "y.present"] }],
    };
    expect(plan(wide, program)).toMatchObject({ error: { code: "TOO_MANY_CONTRACTIONS" } });
  });

  it("takes only the segments whose consent admits the purpose", () => {
    const manifest = plainManifest({
      segments: [
        { rows: 60 },
        { rows: 40, consent: ["DUO:0000007"] },
        { rows: 30, consent: ["DUO:0000006"] },
      ],
      blocks: [5],
    });
    const chosen = (purpose: string[]) => {
      const planned = planJob({ program: allelicAssociation, manifests: [manifest], params, purpose });
      return planned.ok ? planned.value.datasets[0]?.segments : planned.error.code;
    };
    expect(chosen(["DUO:0000042"])).toEqual(["s1"]);
    expect(chosen(["DUO:0000007"])).toEqual(["s1", "s2", "s3"]);
    expect(chosen(["DUO:0000006"])).toEqual(["s1", "s3"]);
    manifest.segments.shift();
    expect(chosen(["DUO:0000042"])).toBe("NO_SEGMENT_ADMITTED");
  });

  it("names what does not fit", () => {
    const manifest = plainManifest({ segments: [{ rows: 60 }], blocks: [5] });
    const refusal = (change: (m: Manifest) => void, program = allelicAssociation, values = params) => {
      const altered = structuredClone(manifest);
      change(altered);
      const planned = planJob({ program, manifests: [altered], params: values });
      return planned.ok ? undefined : planned.error.code;
    };
    const nothing = () => {};
    expect(refusal(nothing)).toBeUndefined();
    expect(refusal(nothing, allelicAssociation, { trait: "u" })).toBe("TRAIT_UNKNOWN");
    expect(refusal(nothing, allelicAssociation, {} as typeof params)).toBe("PARAMETER_MISMATCH");
    expect(refusal(nothing, linearRegressionProgram)).toBe("TRAIT_KIND_MISMATCH");
    expect(refusal((m) => m.arrays[1]!.channels.pop())).toBe("LAYOUT_MISSING");
    expect(refusal((m) => Object.assign(m.arrays[0]!.channels[0]!, { bound: "3" }))).toBe("BOUND_EXCEEDED");
    expect(refusal((m) => Object.assign(m.arrays[1]!.blocks[0]!, { rows: [[0, 59]] }))).toBe(
      "ROWS_MISALIGNED",
    );
    expect(
      refusal((m) => {
        m.arrays[1]!.channels[1]!.at.coefficient = 3; // controls would fall on variants 3 and 4 of the cases
      }),
    ).toBe("LAYOUT_COLLISION");
    expect(
      refusal((m) => {
        m.arrays[1]!.channels[1]!.at.coefficient = 0;
      }),
    ).toBe("LAYOUT_COLLISION");
  });
});

/** How many (person, contraction) pairs the tasks add up, per variant block. */
function coverage(planned: Plan): number[] {
  const counts: number[] = [];
  for (const task of planned.tasks) {
    if (task.kind !== "evaluate") continue;
    const rows = task.rowBlocks.reduce(
      (sum, b) => sum + b.pieces.reduce((n, piece) => n + piece.count, 0),
      0,
    );
    for (const { index } of task.variantBlocks) {
      counts[index] = (counts[index] ?? 0) + rows * task.contractions.length;
    }
  }
  return counts;
}
