import type { Engine, EngineName } from "@cos/fhe";
import { type CpuLevel, loadAddon, type NoAddon } from "./addon.ts";
import { createNativeEngine } from "./native-engine.ts";

/** A setting: `auto` takes the native engine where there is one. */
export type EngineSetting = "auto" | EngineName;
export const engineSettings = ["auto", "wasm", "native"] as const satisfies readonly EngineSetting[];

/** What computes here, in words for people: which engine, and why not the native one. */
export type EngineChoice = { name: EngineName; level: CpuLevel | null; description: string };

/**
 * Decides which engine computes, without making it.
 * @throws when the native engine is asked for and there is none
 */
export function chooseEngine(setting: EngineSetting): EngineChoice {
  if (setting === "wasm") return wasm("as set");
  const loaded = loadAddon();
  if (loaded.ok) {
    const level = loaded.addon.levels()[0] as CpuLevel;
    return { name: "native", level, description: `native (${level})` };
  }
  if (setting === "native") throw new Error(`no native engine: ${explain(loaded.reason)}`);
  return wasm(`no native engine: ${explain(loaded.reason)}`);
}

/** Makes the engine that was chosen, in this thread. */
export async function createEngine(name: EngineName): Promise<Engine> {
  if (name === "wasm") {
    const { createWasmEngine } = await import("@cos/fhe/wasm-engine"); // SEAL is loaded only where it computes
    return createWasmEngine();
  }
  const engine = createNativeEngine();
  if (engine === undefined) throw new Error("the native engine is gone since it was chosen");
  return engine;
}

const wasm = (why: string): EngineChoice => ({
  name: "wasm",
  level: null,
  description: `wasm (SEAL's evaluator; ${why})`,
});

function explain(reason: NoAddon): string {
  switch (reason.code) {
    case "NOT_BUILT":
      return "it was not compiled at install";
    case "STALE":
      return "it was compiled from other sources, run `npm run build -w packages/fhe-native`";
    case "NOT_LOADABLE":
      return `it does not load (${reason.detail})`;
    case "NO_CIPHER":
      return "this Node gives addons no cipher";
  }
}
