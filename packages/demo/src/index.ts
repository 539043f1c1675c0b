export { type Comparison, compareCounts } from "./check/compare-counts.ts";
export { type PlaintextStudy, plaintextStudy } from "./check/plaintext-path.ts";
export { type DemoOptions, parseDemoOptions } from "./demo-options.ts";
export { type PlatformProcess, startPlatformProcess } from "./platform/platform-process.ts";
export { newParty, type Party } from "./run/actor.ts";
export { giveCredit } from "./run/give-credit.ts";
export { runDemo } from "./run/run-demo.ts";
export { openScreen, silentScreen } from "./run/screen.ts";
