import { readFileSync } from "node:fs";
import { digestOfJson, unwrap } from "@cos/protocol";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { encodeBlockHead, rowDigest, toBlockHeader } from "../src/block-head.ts";
import { FreshMasks } from "../src/fresh-masks.ts";
import {
  contextOf,
  countsProfile,
  createSealSteps,
  type DatasetKey,
  Decryptor,
  Encryptor,
  findReusedMasks,
  generateDatasetKey,
  type KeylessSteps,
  masksOf,
  openBlock,
  type Profile,
  packedPolynomialBytes,
  profiles,
  sumsProfile,
} from "../src/index.ts";
import { MaskMover } from "../src/mask-mover.ts";
import { secretResidues } from "../src/seal-format.ts";
import { assembleWasm, committedWasm, type WasmModule, wasmModules } from "./build-wasm.ts";
import { encryptBlock } from "./encrypt-one.ts";
import { BareSeal, findDoubleForms, modulo, type Polynomials, revealedSecret } from "./fatal-edges.ts";

let key: DatasetKey;
let stranger: DatasetKey;
let steps: KeylessSteps;
beforeAll(async () => {
  [key, stranger] = await Promise.all([generateDatasetKey(), generateDatasetKey()]);
  steps = await createSealSteps(countsProfile);
});

const secretOf = (profile: Profile, of = key) => of.secrets.get(profile.name) as Uint8Array;
const moverOf = (profile: Profile) => new MaskMover(profile, secretResidues(profile, secretOf(profile)));
/** Copies, as the mover wipes what it is given. */
const bytesOf = (polynomials: Polynomials): [Uint8Array, Uint8Array] => [
  new Uint8Array(polynomials[0].slice().buffer),
  new Uint8Array(polynomials[1].slice().buffer),
];

/** The packed residues as 64-bit integers. */
function unpacked(profile: Profile, packed: Uint8Array): BigUint64Array {
  const out = new BigUint64Array(profile.ringDegree * profile.primes.length);
  let whole = BigInt(`0x${Buffer.from(packed).reverse().toString("hex")}`);
  for (let i = 0; i < out.length; i += 1) {
    const bits = BigInt(profile.primeBits[Math.floor(i / profile.ringDegree)] as number);
    out[i] = whole & ((1n << bits) - 1n);
    whole >>= bits;
  }
  return out;
}

/** What no code of ours does: moves a ciphertext to a given mask and keeps the original. */
function moved(profile: Profile, mover: MaskMover, original: Polynomials, mask: BigUint64Array): Polynomials {
  const packed = new Uint8Array(packedPolynomialBytes(profile));
  const noMessage = new Uint32Array(2 * mask.length);
  mover.move(bytesOf(original), new Uint32Array(mask.buffer), noMessage, packed);
  return [unpacked(profile, packed), mask];
}

const someMask = (profile: Profile, fill: number): BigUint64Array =>
  new BigUint64Array(
    masksOf(profile, { seed: new Uint8Array(32).fill(fill), streamIndex: 3, ciphertext: 0 }).buffer,
  );

type Some = BigUint64Array<ArrayBuffer>;

describe.each(profiles.map((p) => [p.name, p] as const))("ciphertexts of a block under %s", (_, profile) => {
  it("open to what was encrypted, through SEAL", async () => {
    const encryptor = await Encryptor.create(profile, secretOf(profile));
    const decryptor = await Decryptor.create(profile, secretOf(profile));
    const t = Number(profile.plainModulus);
    const rows = fc.array(fc.array(fc.nat(t - 1), { minLength: 1, maxLength: 50 }), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(rows, fc.nat(2 ** 32 - 5), (values, firstIndex) => {
        const width = Math.max(...values.map((row) => row.length));
        const padded = values.map((row) => [...row, ...new Array<number>(width - row.length).fill(0)]);
        const block = unwrap(openBlock(encryptBlock(encryptor, padded, firstIndex)));
        for (const [i, row] of padded.entries()) {
          const opened = unwrap(decryptor.openSeeded(unwrap(block.ciphertext(i, 0))));
          expect([...opened.subarray(0, width)]).toEqual(row);
          expect(opened.subarray(width).every((c) => c === 0)).toBe(true);
        }
      }),
      { numRuns: 10 },
    );
    encryptor.free();
  });

  it("have SEAL's noise to the bit, alone and in a product", async () => {
    const bare = await BareSeal.create(profile);
    const original = bare.polynomials(bare.encrypt(secretOf(profile), [1, 2, 3]));
    const after = moved(profile, moverOf(profile), original, someMask(profile, 1));
    expect(after[0]).not.toEqual(original[0]);
    const [x, y] = [bare.ciphertext(original), bare.ciphertext(after)];
    const budget = (c: Parameters<BareSeal["noiseBudget"]>[1]) => bare.noiseBudget(secretOf(profile), c);
    expect(budget(x)).toBeGreaterThan(5);
    expect(budget(y)).toBe(budget(x));
    expect(budget(bare.multiply(y, y))).toBe(budget(bare.multiply(x, x)));
    // The profiles whose counters share a coefficient are never multiplied: no budget is left there.
    const isMultiplied = profile.plainModulus < 2n ** 32n;
    expect(budget(bare.multiply(y, y)) > 0).toBe(isMultiplied);
  });

  it("carry an error as SEAL draws it, times t, and nothing else", async () => {
    const encryptor = await Encryptor.create(profile, secretOf(profile));
    const bare = await BareSeal.create(profile);
    const t = profile.plainModulus;
    const q = profile.primes[0] as bigint;
    const values = [5, 0, 3];
    const block = unwrap(openBlock(encryptBlock(encryptor, [values], 7)));
    const { packed, ...place } = unwrap(block.ciphertext(0, 0));
    const mask = new BigUint64Array(masksOf(profile, place).buffer);
    const secret = new BigUint64Array(secretResidues(profile, secretOf(profile)).slice().buffer);
    const phase = unpacked(profile, packed).map((c, i) => {
      const prime = profile.primes[Math.floor(i / profile.ringDegree)] as bigint;
      return (c + (mask[i] as bigint) * (secret[i] as bigint)) % prime;
    });
    const errors = bare.fromNtt(phase).map((c, i) => {
      const noise = modulo(c - BigInt(values[i] ?? 0), q);
      const centred = noise > q / 2n ? noise - q : noise;
      expect(centred % t).toBe(0n);
      return Number(centred / t);
    });
    // The difference of two sums of 21 bits: variance 10.5, which 2,048 samples miss by 2 once in 10^8 times.
    expect(Math.max(...errors.map(Math.abs))).toBeLessThanOrEqual(21);
    const variance = errors.reduce((sum, e) => sum + e * e, 0) / errors.length;
    expect(Math.abs(variance - 10.5)).toBeLessThan(2);
    encryptor.free();
  });

  it("are moved as whole-number arithmetic says, extremes included; the original is wiped", () => {
    const { primes, ringDegree } = profile;
    const extreme = (q: bigint) =>
      fc.oneof(fc.constantFrom(0n, 1n, q - 1n, q >> 1n), fc.bigInt({ min: 0n, max: q - 1n }));
    const polynomial = fc
      .tuple(...primes.map((q) => fc.array(extreme(q), { minLength: 16, maxLength: 16 })))
      .map((each) => BigUint64Array.from(each.flatMap((r) => new Array(ringDegree / 16).fill(r).flat())));
    fc.assert(
      fc.property(fc.array(polynomial, { minLength: 5, maxLength: 5 }), (all) => {
        const [first, from, to, secret, message] = all as [Some, Some, Some, Some, Some];
        const mover = new MaskMover(profile, new Uint8Array(secret.buffer));
        const original = bytesOf([first, from]);
        const packed = new Uint8Array(packedPolynomialBytes(profile));
        mover.move(original, new Uint32Array(to.buffer), new Uint32Array(message.buffer), packed);
        const expected = first.map((c, i) => {
          const q = primes[Math.floor(i / ringDegree)] as bigint;
          return modulo(
            c + (message[i] as bigint) + ((from[i] as bigint) - (to[i] as bigint)) * (secret[i] as bigint),
            q,
          );
        });
        expect(unpacked(profile, packed)).toEqual(expected);
        expect(original.every((polynomial) => polynomial.every((byte) => byte === 0))).toBe(true);
        mover.free();
      }),
      { numRuns: 15 },
    );
  });
});

describe("masks", () => {
  const place = (streamIndex: number, ciphertext: number) => ({ streamIndex, ciphertext });

  it("are given out once per seed, in ascending places", () => {
    const masks = new FreshMasks(countsProfile, steps);
    masks.take(place(0, 0));
    masks.take(place(0, 1));
    masks.take(place(7, 0));
    for (const again of [place(7, 0), place(0, 1), place(6, 200)]) {
      expect(() => masks.take(again)).toThrow("twice");
    }
    masks.take(place(7, 1));
  });

  it("come from a seed of their own for each block, whatever the block", () => {
    const seeds = Array.from({ length: 50 }, () =>
      Buffer.from(new FreshMasks(countsProfile, steps).seed()).toString("hex"),
    );
    expect(new Set(seeds).size).toBe(50);
  });

  it("are lost with a row that failed: the writer takes no more, and is no finished block", async () => {
    const encryptor = await Encryptor.create(countsProfile, secretOf(countsProfile));
    const writer = encryptor.beginBlock({
      context: contextOf(countsProfile, key.keyId),
      label: { array: "a", segment: "s1", variantBlock: null, rowBlock: 0 },
      ciphertextsPerRow: 1,
      streamIndexes: Uint32Array.of(1, 2),
    });
    const row = new Uint8Array(writer.rowStride);
    writer.encryptRow(Uint32Array.of(5), row);
    expect(() => writer.finish()).toThrow("missing");
    expect(() => writer.encryptRow(Uint32Array.of(12_289), row)).toThrow(); // t: SEAL refuses it
    expect(() => writer.encryptRow(Uint32Array.of(5), row)).toThrow("no more rows");
    expect(() => writer.finish()).toThrow("missing");
    encryptor.free();
  });
});

describe("the fatal edges, gone over on purpose", () => {
  it("both forms of one encryption give the key away, and the scan sees it", async () => {
    for (const profile of [countsProfile, sumsProfile]) {
      const bare = await BareSeal.create(profile);
      const original = bare.polynomials(bare.encrypt(secretOf(profile), [1, 2, 3]));
      const mover = moverOf(profile);
      const once = moved(profile, mover, original, someMask(profile, 1));
      const twice = moved(profile, mover, original, someMask(profile, 2));
      const other = bare.polynomials(bare.encrypt(secretOf(profile), [1, 2, 3]));
      const secret = new BigUint64Array(secretResidues(profile, secretOf(profile)).slice().buffer);
      expect(revealedSecret(bare, original, once)).toEqual(secret);
      // Stored: SEAL's original beside the moved one, and one encryption moved twice.
      expect(findDoubleForms(bare, [other, original, once])).toEqual([[1, 2]]);
      expect(findDoubleForms(bare, [once, other, twice])).toEqual([[0, 2]]);
      expect(findDoubleForms(bare, [other, once])).toEqual([]);
    }
  });

  it("one mask for two plaintexts gives their difference away, and the scan sees it", async () => {
    const profile = countsProfile;
    const bare = await BareSeal.create(profile);
    const mover = moverOf(profile);
    const mask = someMask(profile, 1);
    const [a, b] = [
      [220, 3, 0, 7],
      [110, 5, 9, 7],
    ].map((values) =>
      moved(profile, mover, bare.polynomials(bare.encrypt(secretOf(profile), values)), mask),
    ) as [Polynomials, Polynomials];
    const q = profile.primes[0] as bigint;
    const difference = a[0].map((c, i) => modulo(c - (b[0][i] as bigint), q));
    // Opened by somebody else's key: there is no s left in it.
    const decryptor = await Decryptor.create(profile, secretOf(profile, stranger));
    const opened = bare.format.packFull(
      bare
        .ciphertext([difference, new BigUint64Array(difference.length)])
        .saveToArray(bare.seal.ComprModeType.none),
      1,
    );
    expect([...unwrap(decryptor.open(opened, 1)).subarray(0, 4)]).toEqual([110, 12_287, 12_280, 0]);

    const store = ([seed, streamIndex, fill]: readonly [number, number, number]) =>
      unwrap(openBlock(blockOf(profile, new Uint8Array(32).fill(seed), streamIndex, fill)));
    const blocks = (
      [
        [1, 3, 1],
        [2, 3, 2],
        [1, 4, 3],
        [1, 3, 9],
        [2, 3, 2],
      ] as const
    ).map((each, i) => [`${i}`, store(each)] as const);
    expect(findReusedMasks(blocks)).toEqual([{ streamIndex: 3, blocks: ["0", "3"] }]);
  });
});

/** A block of one row that is filled with a byte, under a seed of the test's choice. */
function blockOf(profile: Profile, seed: Uint8Array, streamIndex: number, fill: number): Uint8Array {
  const label = { array: "a", segment: "s1", variantBlock: null, rowBlock: 0 };
  const header = toBlockHeader(contextOf(profile, digestOfJson("key")), 1, label);
  const payload = new Uint8Array(packedPolynomialBytes(profile)).fill(fill);
  return new Uint8Array(
    Buffer.concat([
      encodeBlockHead(header, seed, Uint32Array.of(streamIndex)),
      rowDigest(seed, streamIndex, payload),
      payload,
    ]),
  );
}

describe("our WebAssembly modules", () => {
  it.each(Object.keys(wasmModules) as WasmModule[])("%s is what its source assembles to", async (name) => {
    expect(await assembleWasm(name)).toBe(readFileSync(committedWasm(name), "utf8"));
  });
});
