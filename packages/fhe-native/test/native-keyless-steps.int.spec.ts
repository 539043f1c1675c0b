import {
  type Coefficients,
  contextOf,
  createSealSteps,
  Decryptor,
  Encryptor,
  generateDatasetKey,
  type KeylessSteps,
  newCoefficients,
  OwnerPool,
  openBlock,
  type Profile,
  profiles,
} from "@cos/fhe";
import { digestOfBytes, unwrap } from "@cos/protocol";
import fc from "fast-check";
import { expect, it } from "vitest";
import { packagesLoadedBy } from "../../fhe/test/packages-loaded-by.ts";
import { createNativeSteps, nativeOwnerThread } from "../src/index.ts";
import { describeNative, levels } from "./available.ts";
import { allProfiles } from "./profiles.ts";

/** Every profile of the platform, also where two have the same primes: their messages differ. */
const everyProfile = [...new Set([...profiles, ...allProfiles])];
const cases = levels.flatMap((level) =>
  everyProfile.map((profile) => [level, profile.name, profile] as const),
);

const newResidues = ({ ringDegree, primes }: Profile) => new Uint32Array(2 * ringDegree * primes.length);
/** By digest: quickly compared, and not printed. */
const transformed = (steps: KeylessSteps, profile: Profile, message: Coefficients) => {
  const residues = newResidues(profile).fill(0xffff_ffff);
  steps.transform(message, residues);
  return digestOfBytes(new Uint8Array(residues.buffer));
};

function toMessage(profile: Profile, values: readonly number[]): Coefficients {
  const message = newCoefficients(profile, values.length);
  message.set(values);
  return message;
}

describeNative.each(cases)("keyless steps on %s under %s", (level, _, profile) => {
  const native = createNativeSteps(profile, level) as KeylessSteps;
  const t = Number(profile.plainModulus);

  it("transform messages to SEAL's residues, the largest and the half way ones included", async () => {
    const seal = await createSealSteps(profile);
    const coefficient = fc.oneof(
      fc.constantFrom(0, 1, (t - 1) / 2, (t + 1) / 2, t - 1),
      fc.maxSafeNat().map((x) => x % t),
    );
    const lengths = fc.constantFrom(1, 2, 7, 1000, profile.ringDegree - 1, profile.ringDegree);
    const message = fc
      .tuple(lengths, fc.array(coefficient, { minLength: 1, maxLength: 40 }))
      .map(([length, some]) => Array.from({ length }, (_, i) => some[(i * i + i) % some.length] as number));
    fc.assert(
      fc.property(message, (values) => {
        const coefficients = toMessage(profile, values);
        expect(transformed(native, profile, coefficients)).toBe(transformed(seal, profile, coefficients));
      }),
      { numRuns: 12 },
    );
    seal.free();
  });

  it("expand the masks that Node's cipher gives", async () => {
    const seal = await createSealSteps(profile);
    const u32 = fc.oneof(fc.constantFrom(0, 2 ** 32 - 1), fc.nat(2 ** 32 - 1));
    const seed = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(seed, u32, fc.nat(65_535), (bytes, streamIndex, ciphertext) => {
        const [mine, theirs] = [native, seal].map((steps) => {
          const residues = newResidues(profile);
          steps.masksUnder(bytes)({ streamIndex, ciphertext }, residues);
          return digestOfBytes(new Uint8Array(residues.buffer));
        });
        expect(mine).toBe(theirs);
      }),
      { numRuns: 5 },
    );
    seal.free();
  });

  it("refuse what is no message, as SEAL does, and leave nothing of it", async () => {
    const seal = await createSealSteps(profile);
    const residues = newResidues(profile);
    const tooLarge = toMessage(profile, [1, 2, t]);
    const tooMany = newCoefficients(profile, profile.ringDegree + 1);
    for (const steps of [native, seal]) {
      expect(() => steps.transform(tooMany, residues)).toThrow();
      if (t < 2 ** 32 || tooLarge instanceof Float64Array)
        expect(() => steps.transform(tooLarge, residues)).toThrow();
    }
    for (const none of [0.5, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => native.transform(Float64Array.of(1, none), residues)).toThrow(RangeError);
    }
    expect(residues.every((word) => word === 0)).toBe(true);
    expect(() => native.transform(Uint32Array.of(1), residues.subarray(2))).toThrow(TypeError);
    expect(() => native.masksUnder(new Uint8Array(31))({ streamIndex: 0, ciphertext: 0 }, residues)).toThrow(
      TypeError,
    );
    seal.free();
  });
});

describeNative("what is encrypted with native steps", () => {
  it.each(profiles.map((profile) => [profile.name, profile] as const))(
    "opens through SEAL: %s",
    async (_, profile) => {
      const key = await generateDatasetKey([profile]);
      const secret = key.secrets.get(profile.name) as Uint8Array;
      const t = Number(profile.plainModulus);
      const encryptor = await Encryptor.create(profile, secret, createNativeSteps(profile));
      const values = Array.from(
        { length: profile.ringDegree },
        (_, i) => (i * 7919 * 31 + (i % 3) * (t - 1)) % t,
      );
      const writer = encryptor.beginBlock({
        context: contextOf(profile, key.keyId),
        label: { array: "a", segment: "s1", variantBlock: 0, rowBlock: 0 },
        ciphertextsPerRow: 1,
        streamIndexes: Uint32Array.of(41),
      });
      const row = new Uint8Array(writer.rowStride);
      writer.encryptRow(toMessage(profile, values), row);
      const block = unwrap(openBlock(new Uint8Array(Buffer.concat([writer.head, row]))));
      const decryptor = await Decryptor.create(profile, secret);
      expect([...unwrap(decryptor.openSeeded(unwrap(block.ciphertext(0, 0))))]).toEqual(values);
      encryptor.free();
    },
  );

  it("comes from the threads that the owner's tools start", async () => {
    const [profile] = profiles as [Profile];
    const key = await generateDatasetKey([profile]);
    const pool = new OwnerPool(key, 1, nativeOwnerThread);
    const { bytes } = await pool.encrypt({
      profile,
      label: { array: "a", segment: "s1", variantBlock: null, rowBlock: 0 },
      ciphertextsPerRow: 1,
      coefficientsPerCiphertext: 3,
      coefficients: Uint32Array.of(5, 0, 12_288, 1, 2, 3),
      streamIndexes: Uint32Array.of(3, 9),
    });
    await pool.close();
    const block = unwrap(openBlock(bytes));
    const decryptor = await Decryptor.create(profile, key.secrets.get(profile.name) as Uint8Array);
    const opened = [0, 1].map((row) => [
      ...unwrap(decryptor.openSeeded(unwrap(block.ciphertext(row, 0)))).subarray(0, 4),
    ]);
    expect(opened).toEqual([
      [5, 0, 12_288, 0],
      [1, 2, 3, 0],
    ]);
  });

  it("loads no more into a thread than without native code", async () => {
    const [profile] = profiles as [Profile];
    const { keyId, secrets } = await generateDatasetKey([profile]);
    const job = { kind: "prepare", profile: profile.name };
    const loaded = await packagesLoadedBy(nativeOwnerThread, { keyId, secrets }, job);
    expect(loaded).toEqual(["@noble/hashes", "canonicalize", "node-seal"]);
  });
});
