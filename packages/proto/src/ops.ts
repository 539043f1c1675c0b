export * from "./gen/cos/ops/v1/ops.ts";
