import type { Profile } from "./profile.ts";

/** Coefficients of plaintext polynomials, whole numbers below t: as doubles where t does not fit 32 bits. */
export type Coefficients = Uint32Array | Float64Array;

/** Zeros of the kind that a profile's coefficients need. */
export const newCoefficients = ({ plainModulus }: Profile, length: number): Coefficients =>
  plainModulus > 2n ** 32n ? new Float64Array(length) : new Uint32Array(length);
