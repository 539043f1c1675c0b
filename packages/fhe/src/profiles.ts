import { err, ok, type Result, unwrap } from "@cos/protocol";
import { checkProfile, type Profile } from "./profile.ts";

/**
 * Counts: the smallest ring. One product and 54 terms leave about 4 bits by the worst-case bound.
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

/** Every profile that this version knows. A dataset's key holds one secret for each. */
export const profiles: readonly Profile[] = [countsProfile, sumsProfile];

/** @errors `PROFILE_UNKNOWN` */
export function findProfile(name: string): Result<Profile, { code: "PROFILE_UNKNOWN"; name: string }> {
  const profile = profiles.find((p) => p.name === name);
  return profile === undefined ? err({ code: "PROFILE_UNKNOWN", name }) : ok(profile);
}
