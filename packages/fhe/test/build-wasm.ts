/**
 * Assembles the modules in `src/*.wat` into `src/*-wasm.ts`. Run: node packages/fhe/test/build-wasm.ts
 */
import { readFileSync, writeFileSync } from "node:fs";
import assembler from "wabt";

/** Module -> the constant that holds its bytes. */
export const wasmModules = { "move-mask": "moveMaskWasm", "take-residues": "takeResiduesWasm" } as const;
export type WasmModule = keyof typeof wasmModules;

/** Where a module's bytes are committed. */
export const committedWasm = (name: WasmModule): URL => new URL(`../src/${name}-wasm.ts`, import.meta.url);

/** The module's text, as `committedWasm` has to be. */
export async function assembleWasm(name: WasmModule): Promise<string> {
  const source = readFileSync(new URL(`../src/${name}.wat`, import.meta.url), "utf8");
  const module = (await assembler()).parseWat(`${name}.wat`, source);
  const { buffer } = module.toBinary({ log: false, write_debug_names: false });
  module.destroy();
  const lines =
    Buffer.from(buffer)
      .toString("base64")
      .match(/.{1,100}/g) ?? [];
  const text = lines.map((line) => `    "${line}",`).join("\n");
  return `/** \`${name}.wat\`, assembled by \`test/build-wasm.ts\`. */
export const ${wasmModules[name]}: Uint8Array = Buffer.from(
  [
${text}
  ].join(""),
  "base64",
);
`;
}

if (import.meta.main) {
  for (const name of Object.keys(wasmModules) as WasmModule[])
    writeFileSync(committedWasm(name), await assembleWasm(name));
}
