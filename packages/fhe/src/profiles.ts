import type { Result } from "@cos/protocol";
import { err, ok, unwrap } from "@cos/protocol/result";
import { checkProfile, type Profile } from "./profile.ts";

/**
 * Counts: the smallest ring. One product and 54 terms leave 0.86 bits by the worst-case bound, 4 more as measured.
 * t = 12289 = 3 * 4096 + 1 holds two base-109 digits, so 54 people's allele and called-allele counts.
 */
export const countsProfile: Profile = unwrap(
  checkProfile({
    name: "bgv-2048-50-t12289",
    scheme: "bgv",
    ringDegree: 2048,
    primes: [1125899906826241n],
    specialPrime: null,
    plainModulus: 12289n,
  }),
);

/**
 * Sums of fixed-point numbers: t just above 2^28, so that 17-bit digits times allele counts of 1,024 people stay exact.
 * The 17-bit special prime is there because SEAL drops the last of several primes; 101 bits in all.
 */
export const sumsProfile: Profile = unwrap(
  checkProfile({
    name: "bgv-4096-84-t28",
    scheme: "bgv",
    ringDegree: 4096,
    primes: [4398046240769n, 4398046486529n],
    specialPrime: 114689n,
    plainModulus: 268460033n,
  }),
);

/**
 * Four counters of one person in one coefficient, added up and never multiplied: t is the first prime 1 mod 4096 above
 * 511^4, so 255 people's counts of at most 2 each are four base-511 digits; they leave 0.62 bits by the bound.
 */
export const fourCountersProfile: Profile = unwrap(
  checkProfile({
    name: "bgv-2048-50-t36",
    scheme: "bgv",
    ringDegree: 2048,
    primes: [1125899906826241n],
    specialPrime: null,
    plainModulus: 68184186881n,
  }),
);

/** Six counters in one coefficient: t is the first prime 1 mod 4096 above 87^6, for 43 people; 0.52 bits by the bound. */
export const sixCountersProfile: Profile = unwrap(
  checkProfile({
    name: "bgv-2048-50-t39",
    scheme: "bgv",
    ringDegree: 2048,
    primes: [1125899906826241n],
    specialPrime: null,
    plainModulus: 433626218497n,
  }),
);

/** Every profile that this version knows. A dataset's key holds one secret for each. */
export const profiles: readonly Profile[] = [
  countsProfile,
  sumsProfile,
  fourCountersProfile,
  sixCountersProfile,
];

/** @errors `PROFILE_UNKNOWN` */
export function findProfile(name: string): Result<Profile, { code: "PROFILE_UNKNOWN"; name: string }> {
  const profile = profiles.find((p) => p.name === name);
  return profile === undefined ? err({ code: "PROFILE_UNKNOWN", name }) : ok(profile);
}
