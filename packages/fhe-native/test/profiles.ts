import { checkProfile, isPrime, type Profile, profiles } from "@cos/fhe";
import { unwrap } from "@cos/protocol";

/** The first prime at or after `from`, in steps of `step`, that is 1 modulo 2N. */
function primeFrom(from: bigint, step: bigint, ringDegree: number): bigint {
  const order = 2n * BigInt(ringDegree);
  let q = from - (from % order) + 1n;
  while (q % order !== 1n || !isPrime(q) || (step > 0n && q < from)) q += step * order;
  return q;
}

const testProfile = (name: string, ringDegree: number, prime: bigint, plainModulus: bigint): Profile =>
  unwrap(
    checkProfile({
      name,
      scheme: "bgv",
      ringDegree,
      primes: [prime],
      specialPrime: null,
      plainModulus,
    }),
  );

/** Just above 2^49: every second candidate of a mask is refused. */
export const refusing = testProfile("test-refusing", 2048, primeFrom(2n ** 49n, 1n, 2048), 12289n);
/** The largest that IFMA takes. */
export const widestForIfma = testProfile("test-51", 2048, primeFrom(2n ** 51n - 1n, -1n, 2048), 12289n);
/** Too large for IFMA and for AVX2: the engine gives way to plain C++. */
export const wide = testProfile("test-60", 4096, primeFrom(2n ** 60n - 1n, -1n, 4096), 40961n);

/** One profile for each set of primes that the platform uses, and the ones above. */
export const allProfiles: readonly Profile[] = [
  ...new Map(profiles.map((p) => [`${p.ringDegree}|${p.primes.join("|")}`, p])).values(),
  refusing,
  widestForIfma,
  wide,
];
