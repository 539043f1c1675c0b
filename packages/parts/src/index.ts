export * from "./part-settings.ts";
export * from "./service-process.ts";
export type { SignerSettings } from "./signing-key.ts";
export * from "./unwinder.ts";
