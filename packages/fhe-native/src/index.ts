export { type CpuLevel, loadAddon, type NoAddon } from "./addon.ts";
export * from "./choose-engine.ts";
export { createNativeEngine } from "./native-engine.ts";
export { createNativeSteps } from "./native-keyless-steps.ts";
export { nativeOwnerThread } from "./owner-thread-script.ts";
