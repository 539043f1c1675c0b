import { createRequire } from "node:module";
import { addonFile, sourceHash } from "../sources.mjs";

/** Opaque objects of the addon; freed by it when the garbage collector takes them, or before by the `Free` functions. */
type RingHandle = { readonly ring: unique symbol };
export type BatchHandle = { readonly batch: unique symbol };
export type AccumulatorHandle = { readonly accumulator: unique symbol };
type ModSwitchHandle = { readonly modSwitch: unique symbol };
type MessageTransformHandle = { readonly messageTransform: unique symbol };

/** `SeededRows`, spread. */
export type RowArguments = [
  seed: Uint8Array,
  streamIndexes: Uint32Array,
  rows: Uint8Array,
  rowStride: number,
  payloadAt: number,
  ciphertextsPerRow: number,
];

/** 0: none. 1: a size that does not fit. 2: a residue not below its prime. 3: the cipher failed. */
export type Fault = 0 | 1 | 2 | 3;

/** What `native/addon.cpp` exports. */
export interface Addon {
  levels(): CpuLevel[];
  hasCipher(): boolean;
  sourceHash(): string;
  ring(level: CpuLevel, ringDegree: number, primes: BigUint64Array): RingHandle;
  ringLevel(ring: RingHandle): CpuLevel;
  batchExpand(
    ring: RingHandle,
    ...rest: [...RowArguments, ciphertext: number, first: number, count: number]
  ): BatchHandle | Fault;
  batchLoad(ring: RingHandle, packed: Uint8Array, degree: number): BatchHandle | Fault;
  batchCount(batch: BatchHandle): number;
  batchFree(batch: BatchHandle): void;
  batchRead(batch: BatchHandle): number;
  accumulator(ring: RingHandle, degree: number): AccumulatorHandle;
  accumulatorAdd(
    sum: AccumulatorHandle,
    batch: BatchHandle,
    first: number,
    count: number,
    subtract: boolean,
  ): Fault;
  accumulatorAddScaled(
    sum: AccumulatorHandle,
    batch: BatchHandle,
    first: number,
    weights: Float64Array,
  ): Fault;
  accumulatorAddProducts(
    sum: AccumulatorHandle,
    left: BatchHandle,
    leftFirst: number,
    right: BatchHandle,
    rightFirst: number,
    count: number,
  ): Fault;
  accumulatorStore(sum: AccumulatorHandle, out: Uint8Array): void;
  accumulatorFree(sum: AccumulatorHandle): void;
  accumulateRows(
    ring: RingHandle,
    ...rest: [
      ...RowArguments,
      first: number,
      count: number,
      ciphertexts: Uint32Array,
      sums: AccumulatorHandle[],
      weights: (BatchHandle | null)[],
      weightsFirst: Float64Array,
    ]
  ): Fault;
  modSwitch(ring: RingHandle, plainModulus: BigUint64Array): ModSwitchHandle | null;
  modSwitchRun(modSwitch: ModSwitchHandle, packed: Uint8Array, degree: number, out: Uint8Array): Fault;
  messageTransform(ring: RingHandle, plainModulus: BigUint64Array): MessageTransformHandle;
  messageTransformRun(
    transform: MessageTransformHandle,
    coefficients: Uint32Array | Float64Array,
    out: BigUint64Array,
  ): Fault;
  maskExpand(
    ring: RingHandle,
    seed: Uint8Array,
    streamIndex: number,
    ciphertext: number,
    out: BigUint64Array,
  ): Fault;
}

/** Kinds of inner loops, best first: AVX-512 with IFMA and VBMI, AVX2, plain C++. */
export type CpuLevel = "avx512" | "avx2" | "portable";

/** Why there is no native engine. */
export type NoAddon =
  /** The install found no compiler, or it failed. */
  | { code: "NOT_BUILT" }
  /** Built from other sources than these; `npm run build -w packages/fhe-native` builds it again. */
  | { code: "STALE" }
  /** Built for another machine or system, or damaged. */
  | { code: "NOT_LOADABLE"; detail: string }
  /** This Node does not let addons use its OpenSSL. */
  | { code: "NO_CIPHER" };

/** Loads the addon into this thread. */
export function loadAddon(): { ok: true; addon: Addon } | { ok: false; reason: NoAddon } {
  let addon: Addon;
  try {
    addon = createRequire(import.meta.url)(addonFile) as Addon;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "MODULE_NOT_FOUND") return { ok: false, reason: { code: "NOT_BUILT" } };
    return { ok: false, reason: { code: "NOT_LOADABLE", detail: message.split("\n")[0] as string } };
  }
  if (addon.sourceHash() !== sourceHash()) return { ok: false, reason: { code: "STALE" } };
  if (!addon.hasCipher()) return { ok: false, reason: { code: "NO_CIPHER" } };
  return { ok: true, addon };
}

/** The addon and a level of inner loops, the best that this CPU has where none is said; undefined where there is no such. */
export function loadAtLevel(level?: CpuLevel): { addon: Addon; level: CpuLevel } | undefined {
  const loaded = loadAddon();
  if (!loaded.ok) return undefined;
  const { addon } = loaded;
  const levels = addon.levels();
  const chosen = level ?? levels[0];
  return chosen === undefined || !levels.includes(chosen) ? undefined : { addon, level: chosen };
}
