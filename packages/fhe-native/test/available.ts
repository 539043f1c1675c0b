import { describe } from "vitest";
import { type Addon, type CpuLevel, loadAddon } from "../src/addon.ts";

const loaded = loadAddon();
const reason = loaded.ok ? undefined : loaded.reason.code;

/** The addon, where this machine has one. A stale build is no reason to skip: it fails here. */
export const addon: Addon | undefined = loaded.ok ? loaded.addon : undefined;
if (reason === "STALE")
  throw new Error("the addon was built from other sources: npm run build -w packages/fhe-native");
if (reason !== undefined) console.warn(`no native engine here (${reason}): its tests are skipped`);

/** Every level of inner loops that this CPU has. */
export const levels: CpuLevel[] = addon?.levels() ?? [];

export const describeNative = describe.skipIf(addon === undefined);
