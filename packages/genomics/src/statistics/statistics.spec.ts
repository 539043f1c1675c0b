import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { allelicTest } from "./allelic-test.ts";
import { bigintRatio } from "./bigint-ratio.ts";
import { chooseA1 } from "./choose-a1.ts";
import { genomicInflation } from "./genomic-inflation.ts";
import { linearRegression } from "./linear-regression.ts";
import { chiSquareTail, studentTwoTail } from "./tails.ts";

describe("tails", () => {
  // C's erfc(sqrt(q / 2))
  it.each([
    [0, 1],
    [3.841458820694124, 0.05],
    [209.6, 1.6793253910525773e-47],
    [1400, 2.1010145162642754e-306],
  ])("chi-square %d has P %d", (chisq, p) => {
    expect(chiSquareTail(chisq) / p).toBeCloseTo(1, 10);
  });

  it("for Student's t with one degree of freedom is that of a Cauchy variable", () => {
    expect(studentTwoTail(1, 1)).toBeCloseTo(0.5, 14);
    expect(studentTwoTail(-12.7062047361747, 1)).toBeCloseTo(0.05, 12);
  });

  it("for two degrees of freedom has the closed form 1 - |t| / sqrt(2 + t^2)", () => {
    for (const t of [0.1, 1, 4, 30])
      expect(studentTwoTail(t, 2)).toBeCloseTo(1 - t / Math.sqrt(2 + t * t), 13);
  });

  it("for many degrees of freedom goes to the normal's", () => {
    expect(studentTwoTail(6, 1e9) / chiSquareTail(36)).toBeCloseTo(1, 5);
  });
});

describe("allelicTest", () => {
  it("agrees with a table worked out by hand", () => {
    // 30 of 40 against 10 of 40: expected 20 in every cell, so chi-square = 4 * 100 / 20 = 20; odds 3 over 1/3
    const test = allelicTest({ caseA1: 30, caseCalled: 40, controlA1: 10, controlCalled: 40 });
    expect(test.chisq).toBeCloseTo(20, 12);
    expect(test.oddsRatio).toBeCloseTo(9, 12);
    expect([test.caseFrequency, test.controlFrequency]).toEqual([0.75, 0.25]);
    expect(test.logOddsSe).toBeCloseTo(Math.sqrt(2 / 30 + 2 / 10), 14);
    expect(test.p! / 7.744e-6).toBeCloseTo(1, 3); // C's erfc(sqrt(10))
  });

  // PLINK 1.9 prints these (read off its tables).
  it.each([
    [
      "one allele only",
      { caseA1: 0, caseCalled: 8, controlA1: 0, controlCalled: 6 },
      { chisq: null, p: null, oddsRatio: null },
    ],
    [
      "no call in controls",
      { caseA1: 1, caseCalled: 3, controlA1: 0, controlCalled: 0 },
      { chisq: 0, p: 1, oddsRatio: null, controlFrequency: null },
    ],
    [
      "no call at all",
      { caseA1: 0, caseCalled: 0, controlA1: 0, controlCalled: 0 },
      { chisq: null, p: null, oddsRatio: null, caseFrequency: null },
    ],
    ["no A1 in controls", { caseA1: 2, caseCalled: 16, controlA1: 0, controlCalled: 8 }, { oddsRatio: null }],
    [
      "no A1 in cases",
      { caseA1: 0, caseCalled: 16, controlA1: 1, controlCalled: 8 },
      { oddsRatio: 0, logOddsSe: null },
    ],
  ])("has PLINK's conventions for %s", (_, counts, expected) => {
    expect(allelicTest(counts)).toMatchObject(expected);
  });

  const cell = fc.integer({ min: 1, max: 100_000 });
  it("is the same seen from the other allele, the odds ratio inverted", () => {
    fc.assert(
      fc.property(cell, cell, cell, cell, (a, b, c, d) => {
        const one = allelicTest({ caseA1: a, caseCalled: a + b, controlA1: c, controlCalled: c + d });
        const other = allelicTest({ caseA1: b, caseCalled: a + b, controlA1: d, controlCalled: c + d });
        expect(other.chisq!).toBeCloseTo(one.chisq!, 8);
        expect(other.oddsRatio! * one.oddsRatio!).toBeCloseTo(1, 10);
        expect(other.logOddsSe).toBeCloseTo(one.logOddsSe!, 12);
      }),
    );
  });

  it("is the textbook's sum of (observed - expected)^2 / expected", () => {
    fc.assert(
      fc.property(cell, cell, cell, cell, (a, b, c, d) => {
        const n = a + b + c + d;
        const term = (observed: number, row: number, column: number) =>
          (observed - (row * column) / n) ** 2 / ((row * column) / n);
        const sum =
          term(a, a + b, a + c) + term(b, a + b, b + d) + term(c, c + d, a + c) + term(d, c + d, b + d);
        const { chisq } = allelicTest({ caseA1: a, caseCalled: a + b, controlA1: c, controlCalled: c + d });
        expect(Math.abs(chisq! - sum)).toBeLessThanOrEqual(1e-9 * (1 + sum));
      }),
    );
  });
});

describe("chooseA1", () => {
  it.each([
    [49, 100, "keep"],
    [50, 100, "keep"],
    [51, 100, "swap"],
    [0, 0, "keep"],
  ] as const)("%d of %d: %s", (alleleCount, calledAlleles, expected) => {
    expect(chooseA1({ alleleCount, calledAlleles })).toBe(expected);
  });
});

describe("linearRegression", () => {
  const sumsOf = (pairs: readonly (readonly [number, bigint])[], decimals = 0) => ({
    n: pairs.length,
    sumG: pairs.reduce((sum, [g]) => sum + BigInt(g), 0n),
    sumGG: pairs.reduce((sum, [g]) => sum + BigInt(g * g), 0n),
    sumY: pairs.reduce((sum, [, y]) => sum + y, 0n),
    sumYY: pairs.reduce((sum, [, y]) => sum + y * y, 0n),
    sumGY: pairs.reduce((sum, [g, y]) => sum + BigInt(g) * y, 0n),
    decimals,
  });

  it("agrees with a fit worked out by hand", () => {
    // g 0 1 2 2, y 1 2 4 5: means 1.25 and 3, Sxy 5, Sxx 2.75, Syy 10; slope 20/11, R2 10/11, residual 10/11
    const fit = linearRegression(
      sumsOf([
        [0, 1n],
        [1, 2n],
        [2, 4n],
        [2, 5n],
      ]),
    );
    expect(fit.beta).toBeCloseTo(20 / 11, 13);
    expect(fit.r2).toBeCloseTo(10 / 11, 13);
    expect(fit.se).toBeCloseTo(Math.sqrt(10 / 11 / 2 / 2.75), 13);
    expect(fit.t).toBeCloseTo(Math.sqrt(20), 13); // t^2 = 2 R2 / (1 - R2)
    expect(fit.p).toBeCloseTo(1 - Math.sqrt(20 / 22), 13); // the closed form for two degrees of freedom
  });

  it("counts in units of 10^-decimals", () => {
    const fit = linearRegression(
      sumsOf(
        [
          [0, 100n],
          [1, 200n],
          [2, 400n],
          [2, 500n],
        ],
        2,
      ),
    );
    expect(fit.beta).toBeCloseTo(20 / 11, 13);
    expect(fit.t).toBeCloseTo(Math.sqrt(20), 13);
  });

  it("does not lose digits to a large mean", () => {
    const shift = 10n ** 30n;
    const fit = linearRegression(
      sumsOf([
        [0, 1n + shift],
        [1, 2n + shift],
        [2, 4n + shift],
        [2, 5n + shift],
      ]),
    );
    expect(fit.t).toBeCloseTo(Math.sqrt(20), 13);
  });

  it.each([
    ["nobody", [], { nmiss: 0, beta: null, p: null }],
    [
      "one genotype only",
      [
        [1, 3n],
        [1, 4n],
        [1, 9n],
      ],
      { nmiss: 3, beta: null, se: null, r2: null, t: null, p: null },
    ],
    [
      "two people",
      [
        [0, 3n],
        [2, 9n],
      ],
      { beta: 3, se: Number.POSITIVE_INFINITY, r2: 1, t: null, p: null },
    ],
    [
      "a constant trait",
      [
        [0, 7n],
        [1, 7n],
        [2, 7n],
      ],
      { beta: 0, se: 0, r2: null, t: null, p: null },
    ],
    [
      "a perfect fit",
      [
        [0, 1n],
        [1, 2n],
        [2, 3n],
      ],
      { beta: 1, se: 0, r2: 1, t: Number.POSITIVE_INFINITY, p: 0 },
    ],
  ] as const)("has conventions for %s", (_, pairs, expected) => {
    expect(linearRegression(sumsOf(pairs))).toMatchObject(expected);
  });

  it("turns its sign and nothing else when the alleles are exchanged", () => {
    const pair = fc.tuple(fc.integer({ min: 0, max: 2 }), fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }));
    fc.assert(
      fc.property(fc.array(pair, { minLength: 3, maxLength: 30 }), (pairs) => {
        const one = linearRegression(sumsOf(pairs));
        const other = linearRegression(sumsOf(pairs.map(([g, y]) => [2 - g, y] as const)));
        fc.pre(one.beta !== null && one.t !== null && Number.isFinite(one.t));
        expect(other).toEqual({ ...one, beta: 0 - one.beta!, t: 0 - one.t! });
      }),
    );
  });
});

it("bigintRatio divides as doubles do, and beyond their range", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1 }), fc.nat(300), (a, b, power) => {
      const factor = 10n ** BigInt(power);
      expect(bigintRatio(BigInt(a) * factor, BigInt(b) * factor)).toBeCloseTo(a / b, 10);
    }),
  );
  expect(bigintRatio(1n, 10n ** 320n)).toBeCloseTo(0, 300);
  expect(bigintRatio(10n ** 400n, 3n * 10n ** 399n)).toBeCloseTo(10 / 3, 14);
});

it("genomicInflation is the median over 0.4549, NA left out", () => {
  const median = 0.454936423119572;
  expect(genomicInflation([null, 5, 2 * median, 0.001])).toBeCloseTo(2, 12);
  expect(genomicInflation([median, 3 * median])).toBeCloseTo(2, 12);
  expect(genomicInflation([null])).toBeNull();
});
