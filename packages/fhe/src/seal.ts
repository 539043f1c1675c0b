import type { MainModule, SEALContext } from "node-seal/allows";
import initialize from "node-seal/allows";
import type { Profile } from "./profile.ts";

/** SEAL itself, compiled to WebAssembly; the build that computes on transparent ciphertexts (a - a, zero weights). */
export type Seal = MainModule;

let loading: Promise<Seal> | undefined;

/** Loads SEAL once per thread (about 30 ms). Each thread has its own instance, memory and random generator. */
export function loadSeal(): Promise<Seal> {
  loading ??= initialize({ print: () => {}, printErr: () => {} });
  return loading;
}

/** SEAL's own parameters for a profile. Throws when SEAL refuses them: a checked profile is one that SEAL takes. */
export function toSealContext(seal: Seal, profile: Profile): SEALContext {
  const primes = [...profile.primes, ...(profile.specialPrime === null ? [] : [profile.specialPrime])];
  const parameters = new seal.EncryptionParameters(seal.SchemeType.bgv);
  const vector = new seal.VectorModulus();
  for (const prime of primes) {
    const modulus = new seal.Modulus(prime);
    vector.push_back(modulus);
    modulus.delete();
  }
  const plainModulus = new seal.Modulus(profile.plainModulus);
  try {
    parameters.setPolyModulusDegree(profile.ringDegree);
    parameters.setCoeffModulus(vector);
    parameters.setPlainModulus(plainModulus);
    const context = new seal.SEALContext(parameters, true, seal.SecLevelType.tc128);
    if (!context.parametersSet()) throw new Error(`SEAL refuses profile ${profile.name}`);
    return context;
  } finally {
    plainModulus.delete();
    vector.delete();
    parameters.delete();
  }
}
