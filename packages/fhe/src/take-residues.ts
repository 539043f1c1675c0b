import { takeResiduesWasm } from "./take-residues-wasm.ts";
import { type WasmMemory, webAssembly } from "./web-assembly.ts";

type Exports = {
  memory: WasmMemory;
  take(candidates: number, count: number, mask: bigint, q: bigint): number;
};
type Taker = { wasm: Exports; bytes: Uint8Array; words: Uint32Array };

let taker: Taker | undefined;

/**
 * The candidates of a public keystream that are below the modulus, in order: 8 bytes each, little-endian and cut to `bits`.
 * In WebAssembly, which has whole 64-bit numbers: a third of the time.
 * @returns pairs of 32-bit words, low word first; valid until the next call
 */
export function takeResidues(stream: Uint8Array, bits: number, modulus: bigint): Uint32Array {
  taker = withRoom(taker ?? newTaker(), stream.length);
  taker.bytes.set(stream);
  const taken = taker.wasm.take(0, stream.length / 8, (1n << BigInt(bits)) - 1n, modulus);
  return taker.words.subarray(0, 2 * taken);
}

const newTaker = (): Taker =>
  viewsOf(new webAssembly.Instance(new webAssembly.Module(takeResiduesWasm)).exports as unknown as Exports);

function withRoom({ wasm, ...views }: Taker, size: number): Taker {
  const { byteLength } = wasm.memory.buffer;
  if (size <= byteLength) return { wasm, ...views };
  wasm.memory.grow(Math.ceil((size - byteLength) / 65_536));
  return viewsOf(wasm);
}

const viewsOf = (wasm: Exports): Taker => ({
  wasm,
  bytes: new Uint8Array(wasm.memory.buffer),
  words: new Uint32Array(wasm.memory.buffer),
});
