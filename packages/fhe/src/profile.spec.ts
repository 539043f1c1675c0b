import { digestOfJson } from "@cos/protocol";
import { describe, expect, it } from "vitest";
import { contextOf } from "./context.ts";
import { checkProfile, isPrime, packedCiphertextBytes } from "./profile.ts";
import { countsProfile, profiles, sumsProfile } from "./profiles.ts";

const literal = {
  name: "test",
  scheme: "bgv" as const,
  ringDegree: 2048,
  primes: [1125899906826241n],
  specialPrime: null,
  plainModulus: 12289n,
};

describe("checkProfile", () => {
  it("takes the profiles that we use, inside the post-quantum table", () => {
    expect(profiles.map((p) => Math.ceil(p.modulusBits))).toEqual([50, 84, 50, 50]);
    expect(packedCiphertextBytes(countsProfile, 1)).toBe((2 * 2048 * 50) / 8);
    expect(packedCiphertextBytes(sumsProfile, 2)).toBe((3 * 4096 * 84) / 8);
  });

  it("refuses one bit more than the table allows", () => {
    // 2251799813640193 is a 51-bit prime 1 mod 4096, 4503599627325441 one of 52 bits or more.
    const next = (bits: number) => {
      for (let p = 2n ** BigInt(bits) - 4095n; ; p -= 4096n) if (isPrime(p)) return p;
    };
    expect(checkProfile({ ...literal, primes: [next(51)] }).ok).toBe(true);
    expect(checkProfile({ ...literal, primes: [next(52)] })).toMatchObject({
      error: { code: "PROFILE_INSECURE", totalBits: 52, maxBits: 51 },
    });
  });

  it.each([
    ["a ring degree outside the table", { ringDegree: 512 }, "PROFILE_RING_DEGREE"],
    ["a composite modulus", { primes: [1125899906826241n - 4096n] }, "PROFILE_PRIME"],
    ["a prime that is not 1 mod 2N", { primes: [1125899906842597n] }, "PROFILE_PRIME"],
    ["a plaintext modulus that is not prime", { plainModulus: 12289n + 4096n }, "PROFILE_PLAIN_MODULUS"],
    ["two primes without the one that SEAL drops", { primes: [...literal.primes, 12289n] }, "PROFILE_PRIME"],
  ])("refuses %s", (_, change, code) => {
    expect(checkProfile({ ...literal, ...change })).toMatchObject({ ok: false, error: { code } });
  });

  it("is immutable, and its digest follows its parameters", () => {
    expect(() => Object.assign(countsProfile, { plainModulus: 3n })).toThrow();
    expect(countsProfile.digest).not.toBe(sumsProfile.digest);
  });
});

describe("contextOf", () => {
  it("is one digest per profile and key", () => {
    const [a, b] = [digestOfJson("a"), digestOfJson("b")];
    const digests = [a, b].flatMap((key) => profiles.map((p) => contextOf(p, key).digest));
    expect(new Set(digests).size).toBe(2 * profiles.length);
    expect(contextOf(countsProfile, a).digest).toBe(contextOf(countsProfile, a).digest);
  });
});

describe("isPrime", () => {
  it("agrees with trial division below 2,000", () => {
    const slow = (n: number) =>
      n > 1 && Array.from({ length: n }, (_, i) => i).every((d) => d < 2 || n % d !== 0);
    for (let n = 0; n < 2_000; n += 1) expect(isPrime(BigInt(n))).toBe(slow(n));
  });
});
