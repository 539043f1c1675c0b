import {
  countsProfile,
  fourCountersProfile,
  noiseBudgetBits,
  noiseMarginBits,
  postQuantum128Bits,
  productNoiseLog2,
  profiles,
  sixCountersProfile,
  sumNoiseLog2,
  sumsProfile,
} from "@cos/fhe";
import { unwrap } from "@cos/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { layoutShapes, layouts } from "../encode/layout.ts";
import { chooseProfile, fitShape, type Shape } from "./fit-shape.ts";

const counters = (digits: number): Shape => ({
  digits,
  bound: 2,
  weightBound: null,
  coefficientsPerVariant: 1,
  sums: [1],
});
const counts = layoutShapes["allele-counts"];
const fit = (profile: (typeof profiles)[number], shape: Shape) => unwrap(fitShape(profile, shape));

describe("the longest run by the plaintext modulus", () => {
  it("is 54 people for two digits at t = 12289: 109^2 = 11881 fits, 111^2 = 12321 does not", () => {
    expect([109 ** 2, 111 ** 2, Number(countsProfile.plainModulus)]).toEqual([11_881, 12_321, 12_289]);
    expect(fit(countsProfile, counts)).toMatchObject({ runRows: 54, digitBase: 109 });
  });

  it("is 255 people for four digits just above 511^4, and 254 one step below it", () => {
    const t = fourCountersProfile.plainModulus;
    expect([511n ** 4n, t, 513n ** 4n]).toEqual([68_184_176_641n, 68_184_186_881n, 69_257_922_561n]);
    expect(fit(fourCountersProfile, counters(4))).toMatchObject({ runRows: 255, digitBase: 511 });
    const below = { ...fourCountersProfile, plainModulus: 511n ** 4n - 1n };
    expect(fit(below as typeof fourCountersProfile, counters(4)).runRows).toBe(254);
  });

  it("refuses the first digit too many: 3^8 = 6561 fits 12289, 3^9 = 19683 does not", () => {
    expect(fit(countsProfile, counters(8)).runRows).toBe(1);
    expect(fitShape(countsProfile, counters(9))).toEqual({
      ok: false,
      error: { code: "PLAINTEXT_OVERFLOW", needs: "19683", limit: "12289" },
    });
  });
});

describe("the longest run by noise", () => {
  /** q / 2 less half a bit, over one person's message and 21 t: worked out without the code under test. */
  const runOf = (t: number, message: number) =>
    Math.floor(1_125_899_906_826_241 / 2 / Math.SQRT2 / (message + 21 * t));

  it("is 43 people for six digits just above 87^6: the next would leave less than the margin", () => {
    const { runRows, budgetBits } = fit(sixCountersProfile, counters(6));
    expect(runRows).toBe(43);
    expect(runOf(433_626_218_497, 2 * 87 ** 5 * 1.02)).toBe(43);
    expect(budgetBits).toBeGreaterThanOrEqual(noiseMarginBits);
    const message = { max: 2 * 87 ** 5, l1: 0 };
    expect(noiseBudgetBits(sixCountersProfile, sumNoiseLog2(sixCountersProfile, 44, message))).toBeLessThan(
      noiseMarginBits,
    );
    expect(noiseBudgetBits(sixCountersProfile, sumNoiseLog2(sixCountersProfile, 43, message))).toBeCloseTo(
      budgetBits,
      2,
    );
  });

  it("binds where the plaintext modulus would carry more: four digits at t = 433626218497", () => {
    expect(Math.floor((433_626_218_497 ** 0.25 - 1) / 2)).toBe(405);
    expect(fit(sixCountersProfile, counters(4)).runRows).toBe(43);
  });

  it("leaves nothing for a product where t has 36 bits", () => {
    const refused = fitShape(fourCountersProfile, counts);
    expect(refused).toMatchObject({ error: { code: "NOISE_OVERFLOW" } });
    // t^2 e f alone is above 2^72: 22 bits more than the ciphertext modulus has.
    expect(!refused.ok && "budgetBits" in refused.error && refused.error.budgetBits).toBeLessThan(-22);
  });

  it("keeps both bounds and is the longest that does, whatever the shape", () => {
    const shape = fc.record({
      digits: fc.integer({ min: 1, max: 6 }),
      bound: fc.integer({ min: 1, max: 200_000 }),
      weightBound: fc.constantFrom(null, 1),
      coefficientsPerVariant: fc.constantFrom(1, 4),
      sums: fc.constant([1] as const),
    });
    fc.assert(
      fc.property(fc.constantFrom(...profiles), shape, (profile, wanted) => {
        const found = fitShape(profile, wanted);
        if (!found.ok) return;
        const { runRows: rows, budgetBits } = found.value;
        const fits = (n: number) =>
          (BigInt(wanted.bound) * BigInt(n) + 1n) ** BigInt(wanted.digits) <= profile.plainModulus;
        expect(fits(rows)).toBe(true);
        expect(budgetBits).toBeGreaterThanOrEqual(noiseMarginBits - 1e-9);
        const onlyNoiseStops = fits(rows + 1);
        const oneMore = budgetBits - Math.log2((rows + 1) / rows);
        if (onlyNoiseStops) expect(oneMore).toBeLessThan(noiseMarginBits);
      }),
    );
  });
});

describe("the choice of parameters", () => {
  it("takes N = 2048 and one 50-bit prime wherever that carries the numbers", () => {
    expect(Object.values(layouts).map((l) => [l.name, l.profile.name, l.digitBase])).toEqual([
      ["allele-counts", countsProfile.name, 109],
      ["fixed-point", sumsProfile.name, 2 * (2 ** 17 - 1) * 1_024 + 1],
      ["case-counters", fourCountersProfile.name, 511],
      ["case-control-counters", sixCountersProfile.name, 87],
    ]);
  });

  it("stays inside the post-quantum table", () => {
    for (const { profile } of Object.values(layouts)) {
      const special = profile.specialPrime === null ? 0 : profile.specialPrime.toString(2).length;
      const bits = profile.primeBits.reduce((sum, b) => sum + b, special);
      expect(bits).toBeLessThanOrEqual(postQuantum128Bits[profile.ringDegree] ?? 0);
    }
  });

  it("weighs the result: a shorter run in the smaller modulus loses to a longer one", () => {
    const { considered } = chooseProfile(counters(4), profiles);
    expect(considered.map((c) => [c.profile.name, c.fit.ok ? c.fit.value.runRows : 0])).toEqual([
      [fourCountersProfile.name, 255],
      [sixCountersProfile.name, 43],
      [sumsProfile.name, 63],
      [countsProfile.name, 4],
    ]);
    // 2 polynomials of 12,800 bytes for 4 people of 12,800 bytes each: the result is half of what was read.
    const small = considered.at(-1)?.fit;
    expect(small?.ok && small.value.resultBytes / small.value.restBytes).toBe(0.5);
  });

  it("weighs the ring: a large one carries counts in runs of hundreds, and still costs more at rest", () => {
    const [first, second] = chooseProfile(counts, profiles).considered;
    expect(first?.profile.name).toBe(countsProfile.name);
    expect(second?.profile.name).toBe(sumsProfile.name);
    const [a, b] = [fit(countsProfile, counts), fit(sumsProfile, counts)];
    expect([a.restBytes, b.restBytes]).toEqual([6.25, 10.5]); // 50 and 84 bits
    expect(b.runRows).toBeGreaterThan(1_000);
    // The bound of noise.ts for a product of a full row of counts with a 0/1 weight, 54 people: 0.86 bits to spare.
    const rows = { max: 2 + 2 * 109, l1: 2_048 * 220 };
    const noise = productNoiseLog2(countsProfile, 54, rows, { max: 1, l1: 2_048 });
    expect(a.budgetBits).toBeCloseTo(noiseBudgetBits(countsProfile, noise), 9);
  });

  it("throws where nothing fits, which a registered layout never does", () => {
    expect(() => chooseProfile(counters(40), profiles)).toThrow("no profile");
  });
});

describe("blocks", () => {
  it("hold whole runs, or a whole part of one, in at most 3.3 MB", () => {
    expect(Object.values(layouts).map((l) => l.rowsPerBlock)).toEqual([216, 64, 255, 215]);
    expect([216 % 54, 1_024 % 64, 255 % 255, 215 % 43]).toEqual([0, 0, 0, 0]);
    expect(255 * 12_800).toBeLessThanOrEqual(3.3e6);
  });
});
