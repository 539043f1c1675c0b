import { assocRow, qassocRow, SPECIES, type Variant } from "@cos/genomics";
import { unwrap } from "@cos/protocol";
import { describe, expect, it } from "vitest";
import type { AssociationResult } from "../finalise/finalise.ts";
import { checkDifferencing } from "./effective-cohort.ts";
import { defaultPolicy, tightenPolicy } from "./policy.ts";
import { type ReleaseRequest, releaseResult } from "./release-result.ts";
import { releaseTsv } from "./released-row.ts";

const contig = SPECIES.human.contigs[1]!;
const variant = (position: number): Variant => ({
  contig,
  position: position as Variant["position"],
  id: `rs${position}`,
  a1: "A",
  a2: "G",
});
/** A line of 150 cases and 150 controls, everybody called. */
const line = (position: number, caseA1: number, controlA1: number) =>
  assocRow(variant(position), {
    caseA1,
    caseCalled: 300,
    controlA1,
    controlCalled: 300,
    totalA1: caseA1 + controlA1,
    totalCalled: 600,
  });
const table = (...rows: ReturnType<typeof line>[]): AssociationResult => ({
  kind: "assoc",
  rows,
  counts: [],
});

const request = (changes: Partial<ReleaseRequest> = {}): ReleaseRequest => ({
  class: "controlled",
  policy: defaultPolicy,
  result: table(line(1_000, 60, 40)),
  groups: [150, 150],
  cohort: { traitFamily: "t", rows: [1, 2, 3] },
  released: [],
  approvedBy: ["steward", "second"],
  ...changes,
});
const codeOf = (changes: Partial<ReleaseRequest>) => {
  const released = releaseResult(request(changes));
  return released.ok ? "released" : released.error.code;
};

describe("the controlled class", () => {
  it("lets out effect, error, P, N and frequency, worked by hand, and no count", () => {
    const { rows } = unwrap(releaseResult(request()));
    // 60/240 against 40/260: odds ratio 1.625, Woolf's SE sqrt(1/60 + 1/240 + 1/40 + 1/260).
    expect(rows[0]?.effect).toBeCloseTo(Math.log(1.625), 12);
    expect(rows[0]?.se).toBeCloseTo(Math.sqrt(1 / 60 + 1 / 240 + 1 / 40 + 1 / 260), 12);
    expect(rows[0]).toMatchObject({ n: 300, effectAlleleFrequency: 100 / 600, effectAllele: "A" });
    expect(releaseTsv(rows)).toBe(
      "CHR\tSNP\tBP\tEA\tNEA\tEFFECT\tSE\tP\tN\tEAF\n1\trs1000\t1000\tA\tG\t0.4855\t0.2229\t0.02846\t300\t0.1667\n",
    );
  });

  it("suppresses lines under twenty minor alleles or a hundred people, and counts them", () => {
    const few = assocRow(variant(3), {
      caseA1: 50,
      caseCalled: 198,
      controlA1: 50,
      controlCalled: 300,
      totalA1: 100,
      totalCalled: 498,
    });
    const result = table(line(1, 10, 10), line(2, 10, 9), few);
    const released = unwrap(releaseResult(request({ result })));
    expect(released.rows.map((r) => r.variant.position)).toEqual([1]);
    expect(released.suppressed).toEqual({ total: 2, group: 1, minorAlleles: 1, carriers: 0, notLead: 0 });
  });

  it("refuses small groups, a single approver, and counts an approver once", () => {
    expect(codeOf({ groups: [100, 100] })).toBe("released");
    expect(codeOf({ groups: [99, 500] })).toBe("GROUP_TOO_SMALL");
    expect(codeOf({ approvedBy: ["steward", "steward"] })).toBe("APPROVAL_MISSING");
  });

  it("gives equal bytes for equal requests", () => {
    expect(JSON.stringify(releaseResult(request()))).toBe(JSON.stringify(releaseResult(request())));
  });

  it("reads a quantity's frequency from its dosages", () => {
    const sums = { n: 200, sumG: 80n, sumGG: 100n, sumY: 900n, sumYY: 9_000n, sumGY: 400n, decimals: 1 };
    const row = qassocRow(variant(1), { ...sums, totalA1: 80, totalCalled: 400 });
    const released = releaseResult(
      request({ result: { kind: "qassoc", rows: [row], sums: [] }, groups: [200] }),
    );
    expect(unwrap(released).rows[0]).toMatchObject({ n: 200, effectAlleleFrequency: 0.2, effect: row.beta });
  });
});

describe("the other classes", () => {
  it("want a certificate and 21 carriers of each allele in each group for an open deposit", () => {
    const open = { class: "open-deposit" as const };
    expect(codeOf(open)).toBe("CERTIFICATION_MISSING");
    const result = table(line(1, 42, 41), line(2, 42, 40));
    const released = unwrap(releaseResult(request({ ...open, certified: true, result })));
    expect(released.rows).toHaveLength(1); // 41 alleles: at least 21 carriers; 40 may be 20 people
    expect(released.suppressed.carriers).toBe(1);
    expect(released.minorAlleleFrequencyLowerLimit).toBeCloseTo(83 / 600, 12);
  });

  it("let out one line per locus, and only so many loci ever", () => {
    const strong = [line(1_000_000, 200, 60), line(1_400_000, 210, 60), line(9_000_000, 190, 60)];
    const lead = { class: "lead-loci" as const, result: table(...strong, line(20_000_000, 60, 50)) };
    const released = unwrap(releaseResult(request(lead)));
    expect(released.rows.map((r) => r.variant.position)).toEqual([1_400_000, 9_000_000]);
    expect(released.suppressed.notLead).toBe(2);
    const policy = tightenPolicy({ maxLeadLoci: 2 });
    expect(codeOf({ ...lead, policy, earlierLeads: ["rs1400000"] })).toBe("released");
    expect(codeOf({ ...lead, policy, earlierLeads: ["rs5"] })).toBe("LEAD_LOCI_USED_UP");
  });
});

describe("differencing", () => {
  const rows = (count: number, from = 0) => Array.from({ length: count }, (_, i) => from + i);
  const differs = (cohort: number[], earlier: number[], family = "t") =>
    checkDifferencing({ traitFamily: "t", rows: cohort }, [{ traitFamily: family, rows: earlier }], 20).ok;

  it("allows the same people again, refuses 1 to 20 of a difference in either direction, allows 21", () => {
    expect(differs(rows(500), rows(500))).toBe(true);
    expect(differs(rows(499), rows(500))).toBe(false);
    expect(differs(rows(500), rows(480))).toBe(false);
    expect(differs(rows(500), rows(479))).toBe(true);
    expect(differs(rows(500), rows(500, 10))).toBe(false); // ten left, ten came: twenty people
    expect(differs(rows(500), rows(500, 11))).toBe(true);
  });

  it("looks at one family of traits at a time, and refuses before anything else", () => {
    expect(differs(rows(499), rows(500), "another")).toBe(true);
    const released = [{ traitFamily: "t", rows: [1, 2] }];
    expect(codeOf({ released, groups: [1, 1] })).toBe("COHORT_DIFFERS_BY_FEW");
  });
});

it("an owner may tighten the numbers and never loosen them", () => {
  expect(tightenPolicy({ minGroup: 500, minMinorAlleles: 1, leadP: 1, maxLeadLoci: 99 })).toEqual({
    ...defaultPolicy,
    minGroup: 500,
  });
});
