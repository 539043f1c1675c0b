import { readFileSync } from "node:fs";
import {
  type Accumulator,
  type CiphertextBatch,
  countsProfile,
  createWasmEngine,
  type Engine,
  type Evaluator,
  findProfile,
  masksOf,
  type Profile,
  packedCiphertextBytes,
  packedPolynomialBytes,
  type SeededRows,
  sumsProfile,
  type Term,
} from "@cos/fhe";
import { type Digest, digestOfBytes, unwrap } from "@cos/protocol";
import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { fromText, type SeededText } from "../../fhe/test/vectors/seeded-text.ts";
import { vectorDigests } from "../../fhe/test/vectors/vector-digests.ts";
import { createNativeEngine } from "../src/index.ts";
import { addon, describeNative, levels } from "./available.ts";
import { allProfiles, refusing, wide, widestForIfma } from "./profiles.ts";
import { anyFill, packedPolynomials, packPolynomial, seededRows } from "./seeded-rows.ts";

let seal: Engine;
beforeAll(async () => {
  seal = await createWasmEngine();
});

const native = (level: (typeof levels)[number], profile: Profile): Evaluator =>
  (createNativeEngine(level) as Engine).evaluator(profile);

const cases = levels.flatMap((level) =>
  allProfiles.map((profile) => [level, profile.name, profile] as const),
);

/** Bytes are compared by digest: quickly, and without printing thousands of them. */
const digests = (all: readonly Uint8Array[]): Digest[] => all.map(digestOfBytes);

/** Runs `fill` on a fresh sum of one engine. */
function sumUp(evaluator: Evaluator, degree: 1 | 2, fill: (sum: Accumulator) => void): Uint8Array {
  const sum = evaluator.accumulator(degree);
  fill(sum);
  const packed = sum.store();
  sum.free();
  return packed;
}

const expandAll = (evaluator: Evaluator, rows: SeededRows, ciphertext = 0): CiphertextBatch =>
  unwrap(evaluator.expand(rows, ciphertext, 0, rows.streamIndexes.length));

describeNative.each(cases)("%s under %s", (level, _, profile) => {
  const evaluator = native(level, profile);
  const runs = { numRuns: 10 };

  it("expands and packs as SEAL and Node's cipher do", () => {
    fc.assert(
      fc.property(anyFill, fc.nat(1000), fc.integer({ min: 1, max: 3 }), (fill, salt, perRow) => {
        const rows = seededRows(profile, 2, perRow, fill, salt);
        const expanded = (engine: Evaluator): Digest =>
          digestOfBytes(
            sumUp(engine, 1, (sum) => {
              const batch = unwrap(engine.expand(rows, perRow - 1, 1, 1));
              sum.add(batch);
              batch.free();
            }),
          );
        expect(expanded(evaluator)).toEqual(expanded(seal.evaluator(profile)));
      }),
      runs,
    );
  });

  it("adds, subtracts, scales and multiplies to SEAL's bytes", () => {
    const t = Math.min(Number(profile.plainModulus), 2 ** 32);
    const weight = fc.oneof(
      fc.constant(0),
      fc.integer({ min: Math.ceil(-t / 2) + 1, max: Math.floor(t / 2) - 1 }),
    );
    const range = fc
      .tuple(fc.nat(2), fc.nat(2))
      .map(([a, b]) => [Math.min(a, b), Math.abs(a - b) + 1] as const);
    const operation = fc.oneof(
      fc.tuple(fc.constant("add" as const), range),
      fc.tuple(fc.constant("subtract" as const), range),
      fc.tuple(fc.constant("scale" as const), range, fc.array(weight, { minLength: 3, maxLength: 3 })),
    );
    fc.assert(
      fc.property(
        anyFill,
        anyFill,
        fc.nat(1000),
        fc.array(operation, { maxLength: 6 }),
        (f, g, salt, operations) => {
          const [a, b] = [seededRows(profile, 3, 1, f, salt), seededRows(profile, 3, 1, g, salt + 1)];
          const results = (engine: Evaluator): Digest[] => {
            const [x, y] = [expandAll(engine, a), expandAll(engine, b)];
            const linear = sumUp(engine, 1, (sum) => {
              for (const [kind, [first, count], weights] of operations) {
                if (kind === "add") sum.add(x, first, count);
                else if (kind === "subtract") sum.subtract(y, first, count);
                else sum.addScaled(x, first, weights.slice(0, count));
              }
            });
            const products = sumUp(engine, 2, (sum) => {
              for (const [, [first, count]] of operations) sum.addProducts(x, first, y, 3 - count, count);
            });
            const both = unwrap(engine.load(products, 2));
            const mixed = sumUp(engine, 2, (sum) => {
              sum.addProducts(x, 0, y, 0, 3);
              sum.subtract(both);
              sum.add(both);
              sum.addScaled(both, 0, [-2]);
            });
            for (const batch of [x, y, both]) batch.free();
            return digests([linear, products, mixed]);
          };
          expect(results(evaluator)).toEqual(results(seal.evaluator(profile)));
        },
      ),
      runs,
    );
  });

  it("streams rows into several sums as one by one", () => {
    fc.assert(
      fc.property(
        anyFill,
        fc.nat(1000),
        fc.integer({ min: 1, max: 9 }),
        fc.nat(2),
        (fill, salt, count, first) => {
          const rows = seededRows(profile, first + count + 1, 2, fill, salt);
          const weights = seededRows(profile, count + 1, 1, "mixed", salt + 1);
          const streamed = (engine: Evaluator): Digest[] => {
            const batch = expandAll(engine, weights);
            const weight = { batch, first: 1 };
            const terms: Term[] = [
              { ciphertext: 1, into: engine.accumulator(1), weight: null },
              { ciphertext: 0, into: engine.accumulator(2), weight },
              { ciphertext: 1, into: engine.accumulator(2), weight },
            ];
            unwrap(engine.accumulate(rows, first, count, terms));
            const stored = terms.map(({ into }) => into.store());
            for (const { into } of terms) into.free();
            batch.free();
            return digests(stored);
          };
          expect(streamed(evaluator)).toEqual(streamed(seal.evaluator(profile)));
        },
      ),
      { numRuns: 5 },
    );
  });

  it("keeps a - a, empty sums and zero weights at zero", () => {
    const batch = expandAll(evaluator, seededRows(profile, 1, 1, "mixed", 5));
    const difference = sumUp(evaluator, 1, (sum) => {
      sum.add(batch);
      sum.subtract(batch);
      sum.addScaled(batch, 0, [0]);
    });
    expect(difference.every((byte) => byte === 0)).toBe(true);
    expect(difference).toHaveLength(packedCiphertextBytes(profile, 1));
    expect(sumUp(evaluator, 2, () => {}).every((byte) => byte === 0)).toBe(true);
    batch.free();
  });

  it("refuses a residue at its prime, wherever it lies", () => {
    const bits = profile.primeBits[0] as number;
    for (const at of [0, 7, 8, 1001, profile.ringDegree - 1]) {
      const rows = seededRows(profile, 2, 1, "zero", at);
      const bad = packPolynomial(profile, (p, i) =>
        p === 0 && i === at ? (profile.primes[0] as bigint) : 0n,
      );
      rows.rows.set(bad, rows.rowStride + rows.payloadAt);
      const malformed = { ok: false, error: { code: "CONTAINER_MALFORMED" } };
      const sum = evaluator.accumulator(1);
      expect(evaluator.expand(rows, 0, 1, 1)).toMatchObject(malformed);
      expect(evaluator.load(new Uint8Array([...bad, ...bad]), 1)).toMatchObject(malformed);
      expect(evaluator.accumulate(rows, 0, 2, [{ ciphertext: 0, into: sum, weight: null }])).toMatchObject(
        malformed,
      );
      sum.free();
    }
    expect(bits).toBeGreaterThan(32);
  });
});

describeNative.each(levels.map((level) => [level] as const))("unreduced sums on %s", (level) => {
  const minusOne = (profile: Profile, count: number) => packedPolynomials(profile, 2 * count, "largest", 0);
  const constant = (profile: Profile, degree: 1 | 2, values: readonly bigint[]): Uint8Array => {
    const out = new Uint8Array(packedCiphertextBytes(profile, degree));
    for (const [k, value] of values.entries()) {
      const residue = (p: number) => {
        const q = profile.primes[p] as bigint;
        return ((value % q) + q) % q;
      };
      out.set(packPolynomial(profile, residue), k * packedPolynomialBytes(profile));
    }
    return out;
  };

  // 64 rows at a time. Bounds: 2,048 rows of products with IFMA, 1,024 with AVX2, 128 in plain C++ at 60 bits;
  // 2^14 - 1 terms at 50 bits, 15 at 60.
  it.each([
    ["50 bits", countsProfile, 34, 260],
    ["51 bits", widestForIfma, 34, 130],
    ["two of 42 bits", sumsProfile, 34, 10],
    ["60 bits", wide, 3, 3],
  ] as const)(
    "stay exact beyond their bound when every residue is q - 1: %s",
    (_, profile, products, sums) => {
      const evaluator = native(level, profile);
      const batch = unwrap(evaluator.load(minusOne(profile, 64), 1));
      const product = sumUp(evaluator, 2, (sum) => {
        for (let i = 0; i < products; i += 1) sum.addProducts(batch, 0, batch, 0, 64);
      });
      const n = BigInt(64 * products);
      expect(digestOfBytes(product)).toBe(digestOfBytes(constant(profile, 2, [n, 2n * n, n]))); // (-1)(-1) = 1
      const plain = sumUp(evaluator, 1, (sum) => {
        for (let i = 0; i < sums; i += 1) sum.add(batch);
      });
      expect(digestOfBytes(plain)).toBe(
        digestOfBytes(constant(profile, 1, [BigInt(-64 * sums), BigInt(-64 * sums)])),
      );
      const back = sumUp(evaluator, 1, (sum) => {
        for (let i = 0; i < sums; i += 1) sum.subtract(batch);
      });
      expect(digestOfBytes(back)).toBe(
        digestOfBytes(constant(profile, 1, [BigInt(64 * sums), BigInt(64 * sums)])),
      );
      batch.free();
    },
  );

  it("draws masks on when half of the candidates are refused", () => {
    const evaluator = native(level, refusing);
    const rows = seededRows(refusing, 1, 1, "zero", 3);
    const words = masksOf(refusing, {
      seed: rows.seed,
      streamIndex: rows.streamIndexes[0] as number,
      ciphertext: 0,
    });
    const mask = new BigUint64Array(words.buffer, words.byteOffset, refusing.ringDegree);
    const expected = packPolynomial(refusing, (_, at) => mask[at] as bigint);
    const stored = sumUp(evaluator, 1, (sum) => {
      unwrap(evaluator.accumulate(rows, 0, 1, [{ ciphertext: 0, into: sum, weight: null }]));
    });
    expect(digestOfBytes(stored.subarray(stored.length / 2))).toBe(digestOfBytes(expected));
  });

  it("computes in the widest loops that the prime allows", () => {
    const inUse = (profile: Profile) =>
      addon?.ringLevel(addon.ring(level, profile.ringDegree, BigUint64Array.from(profile.primes)));
    expect(inUse(countsProfile)).toBe(level);
    expect(inUse(wide)).toBe("portable");
  });
});

describeNative.each(levels.map((level) => [level] as const))("modulus switch on %s", (level) => {
  it("gives SEAL's bytes for both degrees", () => {
    fc.assert(
      fc.property(anyFill, fc.nat(1000), fc.constantFrom(1 as const, 2 as const), (fill, salt, degree) => {
        const packed = packedPolynomials(sumsProfile, degree + 1, fill, salt);
        const mine = native(level, sumsProfile).switchModulus(packed, degree);
        const theirs = seal.evaluator(sumsProfile).switchModulus(packed, degree);
        const [a, b] = [mine, theirs].map((result) => digestOfBytes(unwrap(result!)));
        expect(a).toBe(b);
      }),
      { numRuns: 8 },
    );
  });

  it("has no prime to drop where there is one, and takes no other size", () => {
    const packed = packedPolynomials(countsProfile, 2, "mixed", 1);
    expect(native(level, countsProfile).switchModulus(packed, 1)).toBeUndefined();
    expect(seal.evaluator(countsProfile).switchModulus(packed, 1)).toBeUndefined();
    for (const engine of [native(level, sumsProfile), seal.evaluator(sumsProfile)]) {
      expect(engine.switchModulus(packed, 1)).toMatchObject({ error: { code: "CONTAINER_MALFORMED" } });
    }
  });
});

type Vector = { profile: string; seeded: [SeededText, SeededText]; digests: object };
const { vectors } = JSON.parse(
  readFileSync(new URL("../../fhe/test/vectors/engine-vectors.json", import.meta.url), "utf8"),
) as { vectors: Vector[] };

describeNative.each(levels.flatMap((level) => vectors.map((v) => [level, v.profile, v] as const)))(
  "stored ciphertexts on %s under %s",
  (level, name, { seeded, digests }) => {
    it("expand, add and multiply to the same bytes as when SEAL made them", async () => {
      const evaluator = native(level, unwrap(findProfile(name)));
      expect(await vectorDigests(evaluator, [fromText(seeded[0]), fromText(seeded[1])])).toEqual(digests);
    });
  },
);

describeNative("misuse", () => {
  const profile = countsProfile;
  const rows = seededRows(profile, 2, 1, "mixed", 9);

  it("is refused by both engines alike", () => {
    for (const engine of [native("portable", profile), seal.evaluator(profile)]) {
      const batch = expandAll(engine, rows);
      const [one, two] = [engine.accumulator(1), engine.accumulator(2)];
      expect(() => one.add(batch, 1, 2)).toThrow(RangeError);
      expect(() => one.add(batch, -1, 1)).toThrow(RangeError);
      expect(() => one.add(batch, 0.5, 1)).toThrow(RangeError);
      expect(() => two.add(batch)).toThrow(TypeError);
      expect(() => one.addProducts(batch, 0, batch, 0, 1)).toThrow(TypeError);
      expect(() => one.addScaled(batch, 0, [0.5])).toThrow(RangeError);
      expect(() => one.addScaled(batch, 0, [12289])).toThrow(RangeError);
      expect(() => engine.expand(rows, 0, 1, 2)).toThrow(RangeError);
      const term = { ciphertext: 0, into: one, weight: null };
      expect(() => engine.accumulate(rows, 0, 1, [term, term])).toThrow(TypeError);
      const malformed = { ok: false, error: { code: "CONTAINER_MALFORMED" } };
      expect(engine.expand(rows, 1, 0, 1)).toMatchObject(malformed);
      expect(engine.expand({ ...rows, rows: rows.rows.subarray(1) }, 0, 0, 1)).toMatchObject(malformed);
      expect(engine.expand({ ...rows, ciphertextsPerRow: 2 }, 0, 0, 1)).toMatchObject(malformed);
      expect(engine.load(new Uint8Array(5), 1)).toMatchObject(malformed);
      for (const thing of [batch, one, two]) thing.free();
    }
  });

  it("of freed and foreign objects throws and does not crash", () => {
    const [a, b] = [native("portable", profile), native("portable", sumsProfile)];
    const batch = expandAll(a, rows);
    const foreign = b.accumulator(1);
    expect(() => foreign.add(batch)).toThrow(TypeError);
    const sum = a.accumulator(1);
    sum.add(batch);
    batch.free();
    batch.free();
    expect(() => sum.add(batch)).toThrow(TypeError);
    expect(sum.store()).toHaveLength(packedCiphertextBytes(profile, 1)); // what was added before stays
    sum.free();
    expect(() => sum.store()).toThrow(TypeError);
    expect(() => addon?.batchFree({} as never)).toThrow(TypeError);
    expect(() => addon?.ring("portable", 3, BigUint64Array.of(5n))).toThrow(TypeError);
  });
});
