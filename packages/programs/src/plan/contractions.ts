import {
  type MessageBound,
  maxTerms,
  noiseBudgetBits,
  type Profile,
  productNoiseLog2,
  sumNoiseLog2,
} from "@cos/fhe";
import { type ArrayManifest, type Channel, err, ok, type Result } from "@cos/protocol";
import type { ChannelOf, ResolvedSum, ResolvedTerm } from "./resolve-program.ts";

/** A sum over people of one ciphertext of each row, or of the product of two. Several named sums may ride in one. */
export type Contraction = {
  carrier: { array: string; ciphertext: number };
  weight: { array: string; ciphertext: number } | null;
  degree: 1 | 2;
  /** The most people one sum can hold: by the plaintext modulus, and by noise at a failure of 2^-64 per job. */
  maxRows: number;
};

/** Where one digit of a named sum sits in an opened contraction. */
export type Readout = {
  sum: string;
  contraction: number;
  /** Coefficient of the block's first variant. */
  coefficient: number;
  /** The digit is `floor(coefficient / divisor) mod modulus`; modulus null: no digit above it. */
  divisor: number;
  modulus: number | null;
  /** The digit counts 2^radixPower in the sum. */
  radixPower: number;
  /** -1 where the sum is what remains of others. */
  sign: 1 | -1;
  /** One number per variant, or one in all. */
  perVariant: boolean;
};

export type ContractionError =
  /** One person's product alone may reach the plaintext modulus or the next digit; with `rows`, the whole cohort's sum. */
  | { code: "PLAINTEXT_OVERFLOW"; sum: string; rows: number; maxSum: string; limit: string }
  /** The noise bound leaves no bits. */
  | { code: "NOISE_OVERFLOW"; sum: string; rows: number; budgetBits: number }
  /** Two columns would fall on one coefficient of the product. */
  | { code: "LAYOUT_COLLISION"; sum: string; detail: string }
  /** More products of digits than any sensible encoding needs: a hostile manifest, or a hopeless one. */
  | { code: "TOO_MANY_CONTRACTIONS"; sum: string; maxContractions: number };

const maxContractions = 256;

/**
 * Turns resolved sums into contractions and readouts for one dataset, and bounds each.
 * @param rows people in one sum when the program asks for one sum over everybody; null: runs of any length >= 1
 */
export function toContractions(
  sums: readonly ResolvedSum[],
  profile: Profile,
  rows: number | null,
): Result<{ contractions: Contraction[]; readouts: Readout[] }, ContractionError> {
  const contractions: Contraction[] = [];
  const readouts: Readout[] = [];
  for (const { name, terms } of sums) {
    for (const [carrier, weight, sign] of terms.flatMap(factorsOf)) {
      const found = addContraction(contractions, name, carrier, weight, profile);
      if (!found.ok) return found;
      const fits = checkRows(name, carrier, weight, profile, rows ?? 1);
      if (!fits.ok) return fits;
      const contraction = contractions[found.value] as Contraction;
      contraction.maxRows = Math.min(contraction.maxRows, fits.value);
      readouts.push({
        sum: name,
        contraction: found.value,
        coefficient: carrier.channel.at.coefficient + (weight?.channel.at.coefficient ?? 0),
        divisor: Number(carrier.channel.at.multiplier),
        modulus: nextDigit(carrier.array, carrier.channel),
        radixPower: carrier.channel.radixPower + (weight?.channel.radixPower ?? 0),
        sign,
        perVariant: carrier.array.axes.length === 2,
      });
    }
  }
  return ok({ contractions, readouts });
}

type Factor = ChannelOf;

/** Every pair of a carrier's digit with a weight's. */
const factorsOf = ({ carrier, weight, sign }: ResolvedTerm): [Factor, Factor | null, 1 | -1][] =>
  carrier.flatMap((c) => (weight ?? [null]).map((w): [Factor, Factor | null, 1 | -1] => [c, w, sign]));

function addContraction(
  contractions: Contraction[],
  sum: string,
  carrier: Factor,
  weight: Factor | null,
  profile: Profile,
): Result<number, ContractionError> {
  const wanted = {
    carrier: { array: carrier.array.name, ciphertext: carrier.channel.at.ciphertext },
    weight: weight && { array: weight.array.name, ciphertext: weight.channel.at.ciphertext },
  };
  const index = contractions.findIndex(
    (c) =>
      sameCiphertext(c.carrier, wanted.carrier) &&
      (c.weight === null
        ? wanted.weight === null
        : wanted.weight !== null && sameCiphertext(c.weight, wanted.weight)),
  );
  if (index >= 0) return ok(index);
  if (contractions.length >= maxContractions) {
    return err({ code: "TOO_MANY_CONTRACTIONS", sum, maxContractions });
  }
  const collision = findCollision(carrier, weight, profile);
  if (collision !== undefined) return err({ code: "LAYOUT_COLLISION", sum, detail: collision });
  contractions.push({ ...wanted, degree: weight === null ? 1 : 2, maxRows: Number.MAX_SAFE_INTEGER });
  return ok(contractions.length - 1);
}

const sameCiphertext = (
  a: { array: string; ciphertext: number },
  b: { array: string; ciphertext: number },
): boolean => a.array === b.array && a.ciphertext === b.ciphertext;

/** Channels of the array that share the ciphertext of `channel`. */
const inCiphertext = (array: ArrayManifest, ciphertext: number): Channel[] =>
  array.channels.filter((c) => c.at.ciphertext === ciphertext);

/** Coefficients that one channel of the array spans: one per variant of the widest block. */
const spanOf = (array: ArrayManifest): number =>
  array.variantBlocks.reduce((most, block) => Math.max(most, block.count), 1);

/** Every pair (carrier column, weight column) must land on coefficients of its own, below N. */
function findCollision(carrier: Factor, weight: Factor | null, profile: Profile): string | undefined {
  const span = spanOf(carrier.array) + (weight === null ? 0 : spanOf(weight.array) - 1);
  const weights = weight === null ? [] : inCiphertext(weight.array, weight.channel.at.ciphertext);
  if (weights.some((c) => c.at.multiplier !== "1") || distinctCoefficients(weights).length < weights.length) {
    return "digits in a weight's coefficient would run into each other";
  }
  const left = distinctCoefficients(inCiphertext(carrier.array, carrier.channel.at.ciphertext));
  const right = weight === null ? [0] : distinctCoefficients(weights);
  const starts = left.flatMap((a) => right.map((b) => a + b)).sort((a, b) => a - b);
  for (const [i, start] of starts.entries()) {
    const next = starts[i + 1] ?? profile.ringDegree;
    if (start + span > next) return `columns at ${start} and ${next} are less than ${span} apart`;
  }
  return undefined;
}

const distinctCoefficients = (channels: readonly Channel[]): number[] => [
  ...new Set(channels.map((c) => c.at.coefficient)),
];

/** Multiplier of the next digit in the same coefficient, relative to this one; null for the top digit. */
function nextDigit(array: ArrayManifest, channel: Channel): number | null {
  const own = Number(channel.at.multiplier);
  const above = sharingCoefficient(array, channel)
    .map((c) => Number(c.at.multiplier))
    .filter((multiplier) => multiplier > own);
  return above.length === 0 ? null : Math.floor(Math.min(...above) / own);
}

const sharingCoefficient = (array: ArrayManifest, channel: Channel): Channel[] =>
  inCiphertext(array, channel.at.ciphertext).filter((c) => c.at.coefficient === channel.at.coefficient);

/** The most rows that one sum can hold; an error when it cannot hold `rows`. */
function checkRows(
  sum: string,
  carrier: Factor,
  weight: Factor | null,
  profile: Profile,
  rows: number,
): Result<number, ContractionError> {
  const weightBound = BigInt(weight?.channel.bound ?? "1") * BigInt(weight?.channel.at.multiplier ?? "1");
  let plainRows = Number.MAX_SAFE_INTEGER;
  const digits = sharingCoefficient(carrier.array, carrier.channel).sort((a, b) =>
    BigInt(a.at.multiplier) < BigInt(b.at.multiplier) ? -1 : 1,
  );
  let perRow = 0n;
  for (const [i, digit] of digits.entries()) {
    perRow += BigInt(digit.at.multiplier) * BigInt(digit.bound) * weightBound;
    const next = digits[i + 1];
    // All digits up to this one together must stay below the next digit's unit, and the last below t.
    const limit = next === undefined ? profile.plainModulus : BigInt(next.at.multiplier);
    if (perRow * BigInt(rows) >= limit) {
      return err({
        code: "PLAINTEXT_OVERFLOW",
        sum,
        rows,
        maxSum: String(perRow * BigInt(rows)),
        limit: String(limit),
      });
    }
    if (perRow > 0n) plainRows = Math.min(plainRows, Number((limit - 1n) / perRow));
  }
  const noiseOfOne =
    weight === null
      ? sumNoiseLog2(profile, 1, messageBound(carrier))
      : productNoiseLog2(profile, 1, messageBound(carrier), messageBound(weight));
  const noiseRows = maxTerms(profile, noiseOfOne);
  if (rows > noiseRows) {
    const budgetBits = noiseBudgetBits(profile, noiseOfOne + Math.log2(rows));
    return err({ code: "NOISE_OVERFLOW", sum, rows, budgetBits });
  }
  return ok(Math.min(plainRows, noiseRows));
}

/** Largest coefficient and l1 norm of a fresh row's message, over all columns of its ciphertext. */
function messageBound({ array, channel }: Factor): MessageBound {
  const span = spanOf(array);
  const byCoefficient = new Map<number, number>();
  for (const each of inCiphertext(array, channel.at.ciphertext)) {
    const at = each.at.coefficient;
    const bound = Number(each.bound) * Number(each.at.multiplier);
    byCoefficient.set(at, (byCoefficient.get(at) ?? 0) + bound);
  }
  const bounds = [...byCoefficient.values()];
  return { max: Math.max(...bounds), l1: span * bounds.reduce((sum, b) => sum + b, 0) };
}
