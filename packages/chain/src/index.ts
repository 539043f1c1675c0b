export * from "./abi/index.ts";
export * from "./anvil.ts";
export * from "./contract-names.ts";
export * from "./decode-log.ts";
export * from "./decode-revert.ts";
export * from "./deployment.ts";
export * from "./fee-overrides.ts";
export * from "./mirror/block-reader.ts";
