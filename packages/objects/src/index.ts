export * from "./embedded-objects.ts";
export * from "./object-store.ts";
