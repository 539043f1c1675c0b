import { readFileSync } from "node:fs";
import { keepWasmWrappers } from "@cos/protocol/keep-wasm-wrappers";
import type { MainModule, SEALContext } from "node-seal/allows";
import initialize from "node-seal/allows";
import type { Profile } from "./profile.ts";
import { fillRandom } from "./system-random.ts";
import { type WasmMemory, webAssembly } from "./web-assembly.ts";

/** SEAL itself, compiled to WebAssembly; the build that computes on transparent ciphertexts (a - a, zero weights). */
export type Seal = MainModule;

let loading: Promise<Seal> | undefined;

/** Loads SEAL once per thread (about 30 ms). Each thread has its own instance, memory and random generator. */
export function loadSeal(): Promise<Seal> {
  if (loading === undefined) keepWasmWrappers();
  loading ??= initialize({ print: () => {}, printErr: () => {}, instantiateWasm: instantiate });
  return loading;
}

/** Emscripten's hook: the same instance as without it, but for where SEAL's random bytes come from (`fillRandom`). */
function instantiate(
  imports: Record<string, Record<string, unknown>>,
  receive: (instance: object, module: object) => void,
): object {
  const table = Object.values(imports)[0] ?? {};
  const name = Object.keys(table).find((key) => (table[key] as { name?: string }).name === "_random_get");
  if (name === undefined) throw new Error("this node-seal asks for randomness in another way");
  let memory: WasmMemory | undefined;
  table[name] = (at: number, size: number): number => {
    fillRandom(new Uint8Array((memory as WasmMemory).buffer, at >>> 0, size >>> 0));
    return 0;
  };
  const binary = readFileSync(new URL("seal_allows.wasm", import.meta.resolve("node-seal/allows")));
  const module = new webAssembly.Module(binary);
  const instance = new webAssembly.Instance(module, imports);
  memory = Object.values(instance.exports).find((e) => e instanceof webAssembly.Memory) as WasmMemory;
  receive(instance, module);
  return {};
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
