import type { Manifest } from "@cos/protocol";
import { unwrap } from "@cos/protocol";
import { describe, expect, it } from "vitest";
import { plainManifest } from "../../test/plain-manifest.ts";
import { allelicAssociation } from "../built-in/allelic-association.ts";
import { costModelVersion, taskSeconds } from "./cost-model.ts";
import { explainPlan, secondsOn } from "./explain-plan.ts";
import { planDigestOf } from "./plan.ts";
import { planJob } from "./plan-job.ts";

const params = { trait: "t" };
const program = allelicAssociation;

type Layout = NonNullable<Parameters<typeof plainManifest>[0]["layout"]>;
/** One cohort in several layouts; its objects have about the sizes that encryption gives them. */
function published(layouts: Layout[], rows = [600], blocks = [2_048, 1_500]): Manifest {
  const parts = layouts.map((layout) =>
    plainManifest({ layout, segments: rows.map((r) => ({ rows: r })), blocks }),
  );
  const arrays = parts.flatMap((p) => p.arrays);
  for (const block of arrays.flatMap((a) => a.blocks)) block.object.sizeBytes *= 13;
  return { ...(parts[0] as Manifest), arrays };
}
const explain = (manifest: Manifest) => unwrap(explainPlan({ program, manifests: [manifest], params }));

describe("a case/control trait that is fixed in the genotypes", () => {
  it("is planned as one sum, controls being everybody less the cases", () => {
    const { plan } = explain(published(["case-counters"], [600]));
    expect(plan.contractions).toMatchObject([{ degree: 1, weight: null }]);
    expect(plan.datasets[0]?.maxRowsPerRun).toBe(255);
    expect(plan.runs.map((r) => r.rows)).toEqual([255, 255, 90]);
    const readouts = plan.datasets[0]?.readouts.map((r) => [r.sum, r.divisor, r.modulus, r.sign]);
    expect(readouts).toEqual([
      ["alleles", 1, 511, 1],
      ["called", 511, 511, 1],
      ["caseAlleles", 511 ** 2, 511, 1],
      ["caseCalled", 511 ** 3, null, 1],
      ["controlAlleles", 1, 511, 1],
      ["controlAlleles", 511 ** 2, 511, -1],
      ["controlCalled", 511, 511, 1],
      ["controlCalled", 511 ** 3, null, -1],
    ]);
  });

  it("is read as it stands where controls have counters of their own", () => {
    const { plan } = explain(published(["case-control-counters"], [100]));
    expect(plan.runs.map((r) => r.rows)).toEqual([43, 43, 14]);
    expect(plan.datasets[0]?.readouts.every((r) => r.sign === 1)).toBe(true);
  });

  it("is of no use to a program that asks for something else", () => {
    const cases = { ...program, sums: [{ name: "cases", over: "sample" as const, product: ["y.case"] }] };
    const manifest = published(["case-counters"]);
    expect(planJob({ program: cases, manifests: [manifest], params })).toMatchObject({
      error: { code: "LAYOUT_MISSING", input: "cases", dataset: 0 },
    });
    const incomplete = structuredClone(manifest);
    delete incomplete.arrays[0]!.traitComplete;
    expect(planJob({ program, manifests: [incomplete], params })).toMatchObject({
      error: { code: "LAYOUT_MISSING", input: "controlAlleles" },
    });
    const wide = structuredClone(manifest);
    wide.arrays[0]!.channels[2]!.bound = "3";
    expect(planJob({ program, manifests: [wide], params })).toMatchObject({
      error: { code: "BOUND_EXCEEDED", bound: "3", allowed: "2" },
    });
    const other = structuredClone(manifest);
    other.traits.push({ ...other.traits[0]!, name: "u" });
    expect(planJob({ program, manifests: [other], params: { trait: "u" } })).toMatchObject({
      error: { code: "LAYOUT_MISSING" },
    });
  });
});

describe("the planner's explanation", () => {
  it("takes the cheaper of two ways and says by how much the other loses, in whatever order they are listed", () => {
    for (const layouts of [
      ["allele-counts", "case-control-counters"],
      ["case-control-counters", "allele-counts"],
    ] as Layout[][]) {
      const { plan, alternatives } = explain(published(layouts));
      expect(plan.datasets[0]?.layout).toBe("case-control-counters");
      expect(alternatives.map((a) => [a.name, a.lost?.code ?? null])).toEqual([
        ["case-control-counters (t)", null],
        ["allele-counts", "COSTS_MORE"],
      ]);
      const [taken, other] = alternatives;
      const factor = (other?.weighedSeconds ?? 0) / (taken?.weighedSeconds ?? 1);
      expect(other?.lost).toMatchObject({ factor, mostly: "fetching the result" });
      expect(factor).toBeGreaterThan(1.2);
      expect(taken?.tasks).toBe(plan.tasks.length);
      expect(other?.tasks).toBeGreaterThan(1);
    }
  });

  it("states what was counted by hand: bytes read, bytes of the result, work", () => {
    const { plan, alternatives } = explain(published(["allele-counts"]));
    const [taken] = alternatives;
    // 600 people in 2 blocks of variants at 13,000 bytes, and once as phenotypes of 2 ciphertexts.
    expect(taken?.cost?.inputBytes).toBe(600 * 2 * 13_000 + 600 * 13_000);
    expect(plan.estimate.inputBytes).toBeGreaterThanOrEqual(taken?.cost?.inputBytes ?? 0);
    // 12 runs of 54 (216 = 4 * 54 to a block, 600 = 2 * 216 + 168), one sum of 2 polynomials and two of 3 each.
    expect(taken?.runs).toBe(12);
    expect(taken?.cost?.resultBytes).toBe(12 * 2 * (2 + 3 + 3) * 12_800);
    expect(plan.estimate.outputBytes).toBe(taken?.cost?.resultBytes);
    // A person and block: one ciphertext expanded, added once, multiplied twice.
    expect(taken?.cost?.passes).toBe(600 * 2 * (1 + 0.25 + 2));
  });

  it("names what could be published, with what it would cost", () => {
    const { alternatives } = explain(published(["allele-counts"]));
    expect(alternatives).toHaveLength(2);
    expect(alternatives[1]).toMatchObject({
      name: "case-control-counters (t)",
      lost: { code: "NOT_PUBLISHED" },
      runs: 14, // 600 = 13 * 43 + 41
      tasks: null,
      cost: { inputBytes: 600 * 2 * 12_832, resultBytes: 14 * 2 * 2 * 12_800 },
    });
    expect(explain(published(["case-counters"])).alternatives).toHaveLength(1);
  });

  it("keeps a refused way in the list, with the refusal", () => {
    const manifest = published(["case-control-counters", "allele-counts"]);
    manifest.arrays.find((a) => a.name === "trait/t")!.channels.pop();
    const { alternatives } = explain(manifest);
    expect(alternatives[1]).toMatchObject({
      name: "allele-counts",
      profile: null,
      lost: { code: "REFUSED", error: { code: "LAYOUT_MISSING", dataset: 0 } },
    });
  });

  it("is of the plan that `planJob` makes, which no rate of any machine changes", () => {
    const manifest = published(["allele-counts", "case-counters"]);
    const { plan } = explain(manifest);
    expect(planDigestOf(plan)).toBe(
      planDigestOf(unwrap(planJob({ program, manifests: [manifest], params }))),
    );
    expect(plan.costModel).toBe(costModelVersion);
    const cost = { passes: 30_000, inputBytes: 100e6 };
    expect(secondsOn({ passesPerSecond: 15_000, storeBytesPerSecond: 250e6 }, cost)).toBe(2);
    expect(secondsOn({ passesPerSecond: 150_000, storeBytesPerSecond: 250e6 }, cost)).toBe(0.4); // reading
  });

  it("chooses for each dataset by itself", () => {
    const manifests = [published(["allele-counts"]), published(["allele-counts", "case-counters"])];
    const { plan, alternatives } = unwrap(explainPlan({ program, manifests, params }));
    expect(plan.datasets.map((d) => d.layout)).toEqual(["allele-counts", "case-counters"]);
    expect(alternatives.map((a) => [a.dataset, a.lost === null])).toEqual([
      [0, true],
      [0, false],
      [1, true],
      [1, false],
    ]);
  });
});

describe("tasks", () => {
  it("are a 64th of the job, within a tenth of a second and twenty of the reference worker", () => {
    expect([taskSeconds(0.1), taskSeconds(7.68), taskSeconds(7.69)]).toEqual([0.12, 0.12, 7.69 / 64]);
    expect([taskSeconds(1_279), taskSeconds(1_280), taskSeconds(1e6)]).toEqual([1_279 / 64, 20, 20]);
  });

  it("of a large job take 5 to 30 s by the cost model", () => {
    const manifest = published(["case-counters"], [40_000], new Array(60).fill(2_048));
    const { plan } = explain(manifest);
    const evaluated = plan.tasks.filter((t) => t.kind === "evaluate");
    const seconds = evaluated.map((t) => t.estimate.inputBytes / 250e6 + t.estimate.cost / 100_000);
    const total = seconds.reduce((a, b) => a + b, 0);
    expect(total).toBeGreaterThan(64);
    expect(Math.max(...seconds)).toBeLessThanOrEqual(20.5);
    expect(evaluated.length).toBeGreaterThanOrEqual(60);
    expect(evaluated.length).toBeLessThan(140);
  });
});
