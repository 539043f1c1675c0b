/**
 * Assembles `src/move-mask.wat` into `src/move-mask-wasm.ts`. Run: node packages/fhe/test/build-move-mask.ts
 */
import { readFileSync, writeFileSync } from "node:fs";
import assembler from "wabt";

/** The module's text, as `src/move-mask-wasm.ts` has to be. */
export async function assembleMoveMask(): Promise<string> {
  const source = readFileSync(new URL("../src/move-mask.wat", import.meta.url), "utf8");
  const module = (await assembler()).parseWat("move-mask.wat", source);
  const { buffer } = module.toBinary({ log: false, write_debug_names: false });
  module.destroy();
  const lines =
    Buffer.from(buffer)
      .toString("base64")
      .match(/.{1,100}/g) ?? [];
  const text = lines.map((line) => `    "${line}",`).join("\n");
  return `/** \`move-mask.wat\`, assembled by \`test/build-move-mask.ts\`. */
export const moveMaskWasm: Uint8Array = Buffer.from(
  [
${text}
  ].join(""),
  "base64",
);
`;
}

if (import.meta.main) {
  writeFileSync(new URL("../src/move-mask-wasm.ts", import.meta.url), await assembleMoveMask());
}
