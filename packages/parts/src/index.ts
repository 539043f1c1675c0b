export * from "./part-settings.ts";
export * from "./service-process.ts";
export * from "./unwinder.ts";
