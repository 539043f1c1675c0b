export * from "./canonical-json.ts";
export * from "./ids.ts";
export * from "./object-digest.ts";
export * from "./op-mask.ts";
export * from "./purpose.ts";
export * from "./region.ts";
export * from "./result.ts";
