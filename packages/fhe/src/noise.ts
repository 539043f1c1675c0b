import type { Profile } from "./profile.ts";

/** SEAL's error: the difference of two sums of 21 fair bits, so |e| <= 21 and sub-Gaussian with variance proxy 42/4. */
const maxError = 21;
const errorVarianceProxy = 42 / 4;

/** Decryption fails with probability at most 2^-64 per job... */
export const failureBits = 64;
/** ...when the job makes at most 2^40 random events: products times ring degree times two tails. */
export const maxEventsLog2 = 40;

/** Largest |X| / sigma that a sub-Gaussian X exceeds with probability at most 2^-(64 + 40): 2 exp(-x^2 / 2). */
const tail = Math.sqrt(2 * Math.LN2 * (failureBits + maxEventsLog2 + 1));

/** What one factor of a term can hold: its largest coefficient, and the sum of its coefficients. All are >= 0. */
export type MessageBound = { readonly max: number; readonly l1: number };

/**
 * Bound on the noise of a sum of `terms` fresh ciphertexts, message included, as log2.
 * A fresh ciphertext decrypts to m + t e.
 */
export function sumNoiseLog2(profile: Profile, terms: number, message: MessageBound): number {
  const t = Number(profile.plainModulus);
  return Math.log2(terms * (message.max + t * maxError));
}

/**
 * Bound on the noise of a sum of `terms` products of two fresh ciphertexts, message included, as log2.
 *
 * (a + t e)(b + t f) = a b + t (a f + b e) + t^2 e f, in the ring x^N + 1. The first three are bounded always
 * (|p q|_inf <= |p|_1 |q|_inf). For e f, given f, each coefficient is a +-1-weighted sum of independent errors:
 * sub-Gaussian with variance proxy 10.5 |f|^2 <= 10.5 * 441 * N. Terms are added by absolute value: no independence
 * between people is assumed, so adding one person `terms` times is covered too.
 */
export function productNoiseLog2(
  profile: Profile,
  terms: number,
  left: MessageBound,
  right: MessageBound,
): number {
  const t = Number(profile.plainModulus);
  const n = profile.ringDegree;
  const message = Math.min(left.l1 * right.max, right.l1 * left.max);
  const cross = t * maxError * (left.l1 + right.l1);
  const errors = t * t * tail * Math.sqrt(errorVarianceProxy * maxError ** 2 * n);
  return Math.log2(terms * (message + cross + errors));
}

/** Bits left before decryption could fail: log2(Q / 2) minus the noise. SEAL's `invariantNoiseBudget` is its measured twin. */
export const noiseBudgetBits = (profile: Profile, noiseLog2: number): number =>
  profile.modulusBits - 1 - noiseLog2;

/**
 * What a plan leaves unused of the bound's budget, in bits: a third fewer terms than the bound would carry. The bound is
 * a worst case already; this is for what a bound cannot hold, such as an error in the bound's own constants.
 */
export const noiseMarginBits = 0.5;

/** How many terms fit: the largest count whose noise bound leaves at least the margin; 0 when not even one does. */
export function maxTerms(profile: Profile, noiseOfOneLog2: number): number {
  const budget = noiseBudgetBits(profile, noiseOfOneLog2) - noiseMarginBits;
  return budget < 0 ? 0 : Math.floor(2 ** Math.min(budget, 50));
}
