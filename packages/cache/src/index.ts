export type * from "./cache.ts";
export { localCache } from "./local-cache.ts";
export * from "./redis-cache.ts";
export { type Bucket, type BucketRule, takeTokens } from "./token-bucket.ts";
