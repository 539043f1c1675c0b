import {
  type MessageBound,
  maxTerms,
  noiseBudgetBits,
  type Profile,
  packedPolynomialBytes,
  productNoiseLog2,
  sumNoiseLog2,
} from "@cos/fhe";
import { err, ok, type Result } from "@cos/protocol";
import { passesOf, passUnits, publishSeconds, weighedSeconds } from "./cost-model.ts";

/** How numbers of one person lie in a ciphertext, and what is done with them: enough to choose parameters by. */
export type Shape = {
  /** Numbers that share one coefficient as digits. */
  digits: number;
  /** Largest value of one digit, for one person, weight included. */
  bound: number;
  /** Largest weight that multiplies a row; null where rows are only added up. */
  weightBound: number | null;
  /** Coefficients that one variant takes. */
  coefficientsPerVariant: number;
  /** Sums of degree 1 and 2 that a run of people leaves behind, in a full ciphertext. */
  sums: readonly (1 | 2)[];
};

/** A profile that carries a shape. */
export type Fit = {
  profile: Profile;
  /** Most people in one sum, by plaintext modulus and by noise with its margin. */
  runRows: number;
  /** One more than a digit's largest sum over a run: `bound * runRows + 1`. */
  digitBase: number;
  /** Bits by which the noise bound of a whole run stays below the limit. */
  budgetBits: number;
  /** Per variant and person of a full block: bytes at rest, bytes of the result, and seconds by the cost model. */
  restBytes: number;
  resultBytes: number;
  seconds: number;
};

export type FitError =
  /** One person's digits alone do not fit below t. */
  | { code: "PLAINTEXT_OVERFLOW"; needs: string; limit: string }
  /** The noise of one person's term leaves less than the margin. */
  | { code: "NOISE_OVERFLOW"; budgetBits: number };

/**
 * The longest run that a profile carries for a shape, and what a genotype costs in it.
 *
 * Digits: with d numbers of at most b each in a coefficient, R people need `(b R + 1)^d <= t`. Noise: the bound of
 * `noise.ts` over R terms, with its margin.
 * @errors see `FitError`
 */
export function fitShape(profile: Profile, shape: Shape): Result<Fit, FitError> {
  const plainRows = runByPlaintext(profile.plainModulus, shape);
  if (plainRows < 1) {
    const needs = String(BigInt(shape.bound + 1) ** BigInt(shape.digits));
    return err({ code: "PLAINTEXT_OVERFLOW", needs, limit: String(profile.plainModulus) });
  }
  const noiseOfOne = noiseOf(profile, shape, plainRows);
  const noiseRows = maxTerms(profile, noiseOfOne);
  if (noiseRows < 1) return err({ code: "NOISE_OVERFLOW", budgetBits: noiseBudgetBits(profile, noiseOfOne) });
  const runRows = Math.min(plainRows, noiseRows);
  const variants = Math.floor(profile.ringDegree / shape.coefficientsPerVariant);
  const restBytes = packedPolynomialBytes(profile) / variants;
  const resultBytes = shape.sums.reduce((sum, degree) => sum + degree + 1, 0) * (restBytes / runRows);
  const passes =
    passesOf.expand +
    shape.sums.reduce((sum, degree) => sum + (degree === 2 ? passesOf.product : passesOf.sum), 0);
  return ok({
    profile,
    runRows,
    digitBase: shape.bound * runRows + 1,
    budgetBits: noiseBudgetBits(profile, noiseOfOne + Math.log2(runRows)),
    restBytes,
    resultBytes,
    seconds:
      publishSeconds(restBytes) +
      weighedSeconds({
        inputBytes: restBytes,
        passes: (passes * passUnits(profile)) / variants,
        resultBytes,
      }),
  });
}

/** Largest R with (b R + 1)^d <= t. */
function runByPlaintext(plainModulus: bigint, { digits, bound }: Shape): number {
  const fits = (rows: number): boolean =>
    (BigInt(bound) * BigInt(rows) + 1n) ** BigInt(digits) <= plainModulus;
  let rows = Math.ceil(Number(plainModulus) ** (1 / digits) / bound) + 1;
  while (rows > 0 && !fits(rows)) rows -= 1;
  return rows;
}

/** Noise of one person's term, as log2, its digits spread as a run of `rows` needs them. */
function noiseOf(profile: Profile, { digits, bound, weightBound }: Shape, rows: number): number {
  const base = bound * rows + 1;
  const carrierBound = bound / (weightBound ?? 1);
  const max = Array.from({ length: digits }, (_, i) => carrierBound * base ** i).reduce((a, b) => a + b, 0);
  const message: MessageBound = { max, l1: profile.ringDegree * max };
  if (weightBound === null) return sumNoiseLog2(profile, 1, message);
  return productNoiseLog2(profile, 1, message, { max: weightBound, l1: profile.ringDegree * weightBound });
}

/** What became of one profile in a choice. */
export type Considered = { profile: Profile; fit: Result<Fit, FitError> };

/**
 * The cheapest of the profiles that carry a shape, by the cost model: a ring no larger than needed, since every
 * coefficient is stored and computed on, and runs long enough that the result stays small beside the data.
 * @returns the choice and everything that was considered, cheapest first, misfits last. Throws when nothing fits.
 */
export function chooseProfile(
  shape: Shape,
  profiles: readonly Profile[],
): { chosen: Fit; considered: readonly Considered[] } {
  const considered = profiles
    .map((profile): Considered => ({ profile, fit: fitShape(profile, shape) }))
    .sort((a, b) => secondsOf(a) - secondsOf(b));
  const first = considered[0]?.fit;
  if (first?.ok !== true) throw new RangeError("no profile carries this shape");
  return { chosen: first.value, considered };
}

const secondsOf = ({ fit }: Considered): number => (fit.ok ? fit.value.seconds : Number.MAX_VALUE);
