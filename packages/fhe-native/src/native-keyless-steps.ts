import type { Coefficients, ExpandMask, KeylessSteps, Profile } from "@cos/fhe";
import { type Addon, type CpuLevel, type Fault, loadAtLevel } from "./addon.ts";

/**
 * The steps of an encryption that need no key, in C++: what `createSealSteps` gives, to the bit, in a fifth of the time.
 * @param level inner loops to use; the best that this CPU has where none is said
 * @returns undefined where the addon is not built or not loadable, or the CPU lacks the level
 */
export function createNativeSteps(profile: Profile, level?: CpuLevel): KeylessSteps | undefined {
  const at = loadAtLevel(level);
  return at === undefined ? undefined : new NativeSteps(at.addon, at.level, profile);
}

class NativeSteps implements KeylessSteps {
  readonly #addon: Addon;
  readonly #ring: ReturnType<Addon["ring"]>;
  readonly #transform: ReturnType<Addon["messageTransform"]>;

  constructor(addon: Addon, level: CpuLevel, { ringDegree, primes, plainModulus }: Profile) {
    this.#addon = addon;
    this.#ring = addon.ring(level, ringDegree, BigUint64Array.from(primes));
    this.#transform = addon.messageTransform(this.#ring, BigUint64Array.of(plainModulus));
  }

  masksUnder(seed: Uint8Array): ExpandMask {
    return ({ streamIndex, ciphertext }, residues) =>
      check(this.#addon.maskExpand(this.#ring, seed, streamIndex, ciphertext, wholeNumbers(residues)));
  }

  transform(coefficients: Coefficients, residues: Uint32Array): void {
    check(this.#addon.messageTransformRun(this.#transform, coefficients, wholeNumbers(residues)));
  }

  free(): void {} // nothing of a message stays in the addon; its garbage collector takes the constants
}

/** The same memory; both orders are little-endian, as on every machine that WebAssembly's hosts are. */
const wholeNumbers = ({ buffer, byteOffset, length }: Uint32Array): BigUint64Array =>
  new BigUint64Array(buffer, byteOffset, length / 2);

function check(fault: Fault): void {
  if (fault === 1) throw new RangeError("more coefficients than the ring has");
  if (fault === 2) throw new RangeError("a coefficient is not a whole number below the plaintext modulus");
  if (fault !== 0) throw new Error("the cipher failed");
}
