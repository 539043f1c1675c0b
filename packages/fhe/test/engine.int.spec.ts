import { unwrap } from "@cos/protocol";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import {
  type Accumulator,
  type CiphertextBatch,
  type Coefficients,
  checkCiphertext,
  countsProfile,
  createWasmEngine,
  type DatasetKey,
  Decryptor,
  Encryptor,
  type Engine,
  type Evaluator,
  exportDatasetKey,
  generateDatasetKey,
  importDatasetKey,
  maxTerms,
  noiseBudgetBits,
  OwnerPool,
  openBlock,
  type Profile,
  packedCiphertextBytes,
  productNoiseLog2,
  profiles,
  type SeededCiphertext,
  sumNoiseLog2,
  sumsProfile,
} from "../src/index.ts";
import { encryptOne } from "./encrypt-one.ts";
import { rowOf } from "./rows-of.ts";

let key: DatasetKey;
let engine: Engine;
const encryptors = new Map<string, Encryptor>();
const decryptors = new Map<string, Decryptor>();

beforeAll(async () => {
  key = await generateDatasetKey();
  engine = await createWasmEngine();
  for (const profile of profiles) {
    const secret = key.secrets.get(profile.name) as Uint8Array;
    encryptors.set(profile.name, await Encryptor.create(profile, secret));
    decryptors.set(profile.name, await Decryptor.create(profile, secret));
  }
});

const encrypt = (profile: Profile, values: readonly number[]): SeededCiphertext =>
  encryptOne(encryptors.get(profile.name) as Encryptor, values);
const open = (profile: Profile, packed: Uint8Array, degree: 1 | 2): Coefficients =>
  unwrap((decryptors.get(profile.name) as Decryptor).open(packed, degree));

/** Runs `fill` on a fresh sum, then stores and frees it. */
function sumUp(
  profile: Profile,
  degree: 1 | 2,
  fill: (sum: Accumulator, evaluator: Evaluator) => void,
): Uint8Array {
  const evaluator = engine.evaluator(profile);
  const sum = evaluator.accumulator(degree);
  fill(sum, evaluator);
  const packed = sum.store();
  sum.free();
  return packed;
}

function using(
  evaluator: Evaluator,
  seeded: SeededCiphertext[],
  use: (terms: CiphertextBatch[]) => void,
): void {
  const terms = seeded.map((s) => unwrap(evaluator.expand(rowOf(s), s.ciphertext, 0, 1)));
  use(terms);
  for (const term of terms) term.free();
}

/** Product modulo x^N + 1 and t, by the schoolbook: only the nonzero coefficients are walked. */
function negacyclic(a: readonly number[], b: readonly number[], profile: Profile): bigint[] {
  const n = profile.ringDegree;
  const t = profile.plainModulus;
  const out = new Array<bigint>(n).fill(0n);
  for (const [i, x] of a.entries()) {
    if (x === 0) continue;
    for (const [j, y] of b.entries()) {
      const k = (i + j) % n;
      const term = BigInt(x) * BigInt(y) * (i + j >= n ? -1n : 1n);
      out[k] = ((((out[k] as bigint) + term) % t) + t) % t;
    }
  }
  return out;
}

const asBigint = (values: Coefficients): bigint[] => Array.from(values, BigInt);

describe.each(profiles.map((p) => [p.name, p] as const))("SEAL's evaluator under %s", (_, profile) => {
  const t = Number(profile.plainModulus);
  const row = fc.array(fc.nat(t - 1), { minLength: 1, maxLength: 40 });
  const few = { numRuns: 6 };

  it("adds as plain arithmetic does", () => {
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 5 }), (rows) => {
        const packed = sumUp(profile, 1, (sum, evaluator) =>
          using(
            evaluator,
            rows.map((r) => encrypt(profile, r)),
            (terms) => {
              for (const term of terms) sum.add(term);
            },
          ),
        );
        const expected = Array.from({ length: profile.ringDegree }, (_, i) =>
          BigInt(rows.reduce((s, r) => (s + (r[i] ?? 0)) % t, 0)),
        );
        expect(asBigint(open(profile, packed, 1))).toEqual(expected);
      }),
      few,
    );
  });

  const one = { max: 1, l1: 1 };
  const isForSumsOnly = maxTerms(profile, productNoiseLog2(profile, 1, one, one)) === 0;
  // A profile whose bound admits no product has no such rule.
  const itMultiplies: (name: string, rule: () => void) => void = isForSumsOnly ? () => {} : it;
  itMultiplies("multiplies as polynomials do, the wrap at x^N included", () => {
    const n = profile.ringDegree;
    const sparse = fc
      .array(fc.tuple(fc.nat(n - 1), fc.nat(Math.min(t - 1, 4_000))), { minLength: 1, maxLength: 5 })
      .map((pairs) => {
        const values = new Array<number>(n).fill(0);
        for (const [at, value] of pairs) values[at] = value;
        return values;
      });
    fc.assert(
      fc.property(sparse, sparse, (a, b) => {
        const packed = sumUp(profile, 2, (sum, evaluator) =>
          using(evaluator, [encrypt(profile, a), encrypt(profile, b)], ([x, y]) =>
            sum.addProducts(x!, 0, y!, 0, 1),
          ),
        );
        expect(asBigint(open(profile, packed, 2))).toEqual(negacyclic(a, b, profile));
      }),
      few,
    );
  });

  it("takes weights, zero and negative ones among them", () => {
    const packed = sumUp(profile, 1, (sum, evaluator) =>
      using(evaluator, [encrypt(profile, [5, 7]), encrypt(profile, [1, 2])], ([x, y]) => {
        sum.addScaled(x!, 0, [3]);
        sum.addScaled(y!, 0, [-2]);
        sum.addScaled(y!, 0, [0]);
      }),
    );
    expect([...open(profile, packed, 1).subarray(0, 3)]).toEqual([13, 17, 0]);
  });

  it("computes a - a and empty sums: zero bytes, and zero when opened", () => {
    const zero = new Uint8Array(packedCiphertextBytes(profile, 1));
    const difference = sumUp(profile, 1, (sum, evaluator) =>
      using(evaluator, [encrypt(profile, [5])], ([x]) => {
        sum.add(x!);
        sum.subtract(x!);
      }),
    );
    expect(difference).toEqual(zero);
    expect(
      open(
        profile,
        sumUp(profile, 1, () => {}),
        1,
      ).every((c) => c === 0),
    ).toBe(true);
  });

  it("gives the same bytes in whatever order terms come", () => {
    const seeded = [[1], [2], [3]].map((r) => encrypt(profile, r));
    const inOrder = (order: number[]) =>
      sumUp(profile, 2, (sum, evaluator) =>
        using(evaluator, seeded, (terms) => {
          for (const i of order) sum.addProducts(terms[i]!, 0, terms[0]!, 0, 1);
        }),
      );
    expect(inOrder([0, 1, 2])).toEqual(inOrder([2, 0, 1]));
  });

  it("refuses residues that are not below their prime", () => {
    const honest = encrypt(profile, [1]);
    const packed = honest.packed.fill(0xff, 0, 8);
    for (const bad of [packed, packed.subarray(1)]) {
      expect(engine.evaluator(profile).expand(rowOf({ ...honest, packed: bad }), 0, 0, 1)).toMatchObject({
        error: { code: "CONTAINER_MALFORMED" },
      });
    }
  });

  it("draws a fresh seed for every block", () => {
    const seeds = Array.from({ length: 8 }, () => Buffer.from(encrypt(profile, [1]).seed).toString("hex"));
    expect(new Set(seeds).size).toBe(8);
  });
});

describe("the noise bound", () => {
  const l1 = (values: readonly number[]) => values.reduce((s, v) => s + v, 0);
  const cases: [string, Profile, number, number[], number[]][] = [
    ["54 people's counts", countsProfile, 54, new Array(2048).fill(220), [1]],
    ["1,024 people's largest digits", sumsProfile, 1_024, new Array(4096).fill(4), [2 ** 17 - 1]],
  ];

  it.each(cases)(
    "is kept by SEAL's own measure, one pair added over and over: %s",
    (_, profile, terms, g, y) => {
      const product = sumUp(profile, 2, (sum, evaluator) =>
        using(evaluator, [encrypt(profile, g), encrypt(profile, y)], ([x, w]) => {
          for (let i = 0; i < terms; i += 1) sum.addProducts(x!, 0, w!, 0, 1);
        }),
      );
      const measured = unwrap((decryptors.get(profile.name) as Decryptor).noiseBudgetBits(product, 2));
      const bound = noiseBudgetBits(
        profile,
        productNoiseLog2(
          profile,
          terms,
          { max: Math.max(...g), l1: l1(g) },
          { max: Math.max(...y), l1: l1(y) },
        ),
      );
      expect(bound).toBeGreaterThan(0);
      expect(measured).toBeGreaterThanOrEqual(Math.floor(bound));
      expect(measured).toBeLessThan(bound + 9); // and the bound is no fantasy either
    },
  );

  it("is kept by sums without products", () => {
    for (const profile of profiles) {
      const packed = sumUp(profile, 1, (sum, evaluator) =>
        using(evaluator, [encrypt(profile, [1])], ([x]) => {
          for (let i = 0; i < 500; i += 1) sum.add(x!);
        }),
      );
      const measured = unwrap((decryptors.get(profile.name) as Decryptor).noiseBudgetBits(packed, 1));
      const bound = noiseBudgetBits(profile, sumNoiseLog2(profile, 500, { max: 1, l1: 1 }));
      expect(measured).toBeGreaterThanOrEqual(Math.floor(bound));
    }
  });
});

describe("checkCiphertext", () => {
  it("passes honest ciphertexts and refuses those that hide nothing", () => {
    const honest = sumUp(countsProfile, 2, (sum, evaluator) =>
      using(evaluator, [encrypt(countsProfile, [1]), encrypt(countsProfile, [2])], ([x, y]) =>
        sum.addProducts(x!, 0, y!, 0, 1),
      ),
    );
    expect(checkCiphertext(countsProfile, honest, 2)).toEqual({ ok: true, value: null });
    const polynomial = honest.length / 3;
    expect(checkCiphertext(countsProfile, honest.slice().fill(0, polynomial, 2 * polynomial), 2)).toEqual({
      ok: false,
      error: { code: "CIPHERTEXT_TRANSPARENT", polynomial: 1 },
    });
    expect(checkCiphertext(countsProfile, honest.slice().fill(0, 2 * polynomial), 2)).toMatchObject({
      error: { code: "CIPHERTEXT_TRANSPARENT", polynomial: 2 },
    });
    expect(checkCiphertext(countsProfile, honest.subarray(4), 2)).toMatchObject({
      error: { code: "CONTAINER_MALFORMED" },
    });
  });
});

describe("keys", () => {
  it("survive export and import, and open what they encrypted", async () => {
    // From a Buffer, as a keystore hands it over: its slices are views into a larger one.
    const copy = unwrap(await importDatasetKey(Buffer.from(exportDatasetKey(key))));
    expect(copy.keyId).toBe(key.keyId);
    const decryptor = await Decryptor.create(
      countsProfile,
      copy.secrets.get(countsProfile.name) as Uint8Array,
    );
    expect(unwrap(decryptor.openSeeded(encrypt(countsProfile, [42])))[0]).toBe(42);
    decryptor.free();
  });

  it("are refused when anything is missing, extra or changed in their frame", async () => {
    const bytes = exportDatasetKey(key);
    for (const bad of [
      bytes.subarray(0, 20),
      bytes.subarray(0, bytes.length - 1),
      Buffer.concat([bytes, Buffer.of(0)]),
      Buffer.concat([Buffer.from("XXXX"), bytes.subarray(4)]),
      bytes.slice().fill(0xff, 100, 120),
    ]) {
      expect(await importDatasetKey(bad)).toMatchObject({ error: { code: "KEY_MALFORMED" } });
    }
  });
});

describe("OwnerPool", () => {
  it("encrypts blocks in threads that only the key opens", async () => {
    const pool = new OwnerPool(key, 2);
    const label = { array: "a", segment: "s1", variantBlock: null, rowBlock: 0 };
    const blocks = await Promise.all(
      [0, 1, 2].map((i) =>
        pool.encrypt({
          profile: countsProfile,
          label,
          ciphertextsPerRow: 2,
          coefficientsPerCiphertext: 2,
          coefficients: Uint32Array.of(i, 1, 2, 3, 4, 5, 6, 7),
          streamIndexes: Uint32Array.of(10, 11),
        }),
      ),
    );
    await pool.close();
    for (const [i, { bytes }] of blocks.entries()) {
      const block = unwrap(openBlock(bytes, { label }));
      const decryptor = decryptors.get(countsProfile.name) as Decryptor;
      const opened = [0, 1].map((row) =>
        [0, 1].map((i) => [...unwrap(decryptor.openSeeded(unwrap(block.ciphertext(row, i)))).subarray(0, 2)]),
      );
      expect(opened).toEqual([
        [
          [i, 1],
          [2, 3],
        ],
        [
          [4, 5],
          [6, 7],
        ],
      ]);
    }
  });

  it("refuses a block that no reader would take", async () => {
    const pool = new OwnerPool(key, 1);
    const block = (array: string) => ({
      profile: countsProfile,
      label: { array, segment: "s1", variantBlock: null, rowBlock: 0 },
      ciphertextsPerRow: 1,
      coefficientsPerCiphertext: 1,
      coefficients: Uint32Array.of(1),
      streamIndexes: Uint32Array.of(0),
    });
    const { bytes } = await pool.encrypt(block("a".repeat(128)));
    expect(openBlock(bytes).ok).toBe(true);
    await expect(pool.encrypt(block("a".repeat(129)))).rejects.toThrow("array");
    await pool.close();
  });
});
