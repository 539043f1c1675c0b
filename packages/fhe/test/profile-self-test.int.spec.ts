import { randomInt } from "node:crypto";
import { unwrap } from "@cos/protocol";
import { beforeAll, describe, expect, it } from "vitest";
import {
  type Accumulator,
  createWasmEngine,
  type DatasetKey,
  Decryptor,
  Encryptor,
  type Engine,
  type Evaluator,
  generateDatasetKey,
  type MessageBound,
  maxTerms,
  noiseBudgetBits,
  noiseMarginBits,
  type Profile,
  productNoiseLog2,
  profiles,
  sumNoiseLog2,
} from "../src/index.ts";
import { encryptOne } from "./encrypt-one.ts";
import { rowOf } from "./rows-of.ts";

/**
 * Every profile's own measurement of the bound that plans rest on. One ciphertext, or one product, is added to itself
 * over and over, which is the worst that dependence between people can do, until as many terms as a plan may ever use are
 * in the sum. SEAL's measured noise budget must then be at least what the bound promises, and the sum must open right.
 */
let key: DatasetKey;
let engine: Engine;
beforeAll(async () => {
  key = await generateDatasetKey();
  engine = await createWasmEngine();
});

describe.each(profiles.map((p) => [p.name, p] as const))("%s measured", (_, profile) => {
  const n = profile.ringDegree;
  const t = Number(profile.plainModulus);
  const largest = new Array<number>(n).fill(t - 1);
  const random = Array.from({ length: n }, () => randomInt(t));
  const anything: MessageBound = { max: t - 1, l1: n * (t - 1) };
  let encryptor: Encryptor;
  let decryptor: Decryptor;
  beforeAll(async () => {
    const secret = key.secrets.get(profile.name) as Uint8Array;
    encryptor = await Encryptor.create(profile, secret);
    decryptor = await Decryptor.create(profile, secret);
  });

  const sums: [string, number[]][] = [
    ["the largest values", largest],
    ["random values", random],
  ];
  it.each(sums)("adds up as many rows of %s as a plan may, and opens them", (_name, values) => {
    const noiseOfOne = sumNoiseLog2(profile, 1, anything);
    const doublings = Math.floor(Math.log2(maxTerms(profile, noiseOfOne)));
    expect(doublings).toBeGreaterThanOrEqual(5); // a profile that cannot add up 32 people is of no use
    const sum = doubled(profile, 1, doublings, (first, evaluator) => {
      const row = encryptOne(encryptor, values);
      const term = unwrap(evaluator.expand(rowOf(row), row.ciphertext, 0, 1));
      first.add(term);
      term.free();
    });
    expectBound(profile, sum, 1, noiseOfOne + doublings);
    const expected = values.map((v) => Number((BigInt(v) << BigInt(doublings)) % profile.plainModulus));
    expect(Array.from(unwrap(decryptor.open(sum, 1)))).toEqual(expected);
  });

  const weight = Math.min(t - 1, 2 ** 17 - 1);
  const weighted = productNoiseLog2(profile, 1, { max: 4, l1: 4 * n }, { max: weight, l1: n * weight });
  const productDoublings = Math.floor(Math.log2(maxTerms(profile, weighted)));
  // A profile whose bound admits no product has no such rule.
  const itMultiplies: (name: string, rule: () => void) => void =
    maxTerms(profile, weighted) === 0 ? () => {} : it;
  itMultiplies(
    "adds up as many products of full rows with the largest weights as a plan may, and opens them",
    () => {
      const left = Array.from({ length: n }, () => randomInt(5));
      const right = new Array<number>(n).fill(weight);
      const sum = doubled(profile, 2, productDoublings, (first, evaluator) => {
        const rows = [encryptOne(encryptor, left, 1), encryptOne(encryptor, right, 2)];
        const [x, y] = rows.map((row) => unwrap(evaluator.expand(rowOf(row), row.ciphertext, 0, 1)));
        first.addProducts(x!, 0, y!, 0, 1);
        x!.free();
        y!.free();
      });
      expectBound(profile, sum, 2, weighted + productDoublings);
      // Times a constant polynomial of w: coefficient k is w * (sum of left up to k - sum of left above k).
      const total = left.reduce((a, b) => a + b, 0);
      let upTo = 0;
      const expected = left.map((value) => {
        upTo += value;
        const exact = BigInt(weight) * BigInt(2 * upTo - total) * 2n ** BigInt(productDoublings);
        return Number(((exact % profile.plainModulus) + profile.plainModulus) % profile.plainModulus);
      });
      expect(Array.from(unwrap(decryptor.open(sum, 2)))).toEqual(expected);
    },
  );

  function expectBound(of: Profile, packed: Uint8Array, degree: 1 | 2, noiseLog2: number): void {
    const bound = noiseBudgetBits(of, noiseLog2);
    expect(bound).toBeGreaterThanOrEqual(noiseMarginBits);
    expect(unwrap(decryptor.noiseBudgetBits(packed, degree))).toBeGreaterThanOrEqual(Math.floor(bound));
  }
});

/** A first sum, added to itself `doublings` times. */
function doubled(
  profile: Profile,
  degree: 1 | 2,
  doublings: number,
  fill: (sum: Accumulator, evaluator: Evaluator) => void,
): Uint8Array {
  const evaluator = engine.evaluator(profile);
  const sum = evaluator.accumulator(degree);
  fill(sum, evaluator);
  for (let i = 0; i < doublings; i += 1) {
    const half = unwrap(evaluator.load(sum.store(), degree));
    sum.add(half);
    half.free();
  }
  const packed = sum.store();
  sum.free();
  return packed;
}
