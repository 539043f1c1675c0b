export * from "./embedded-objects.ts";
export * from "./object-store.ts";
export * from "./s3/open-s3-store.ts";
