export { type OperatorKeys, operatorKeys } from "./operator-keys.ts";
export { type PreparedChain, prepareChain } from "./prepare-chain.ts";
export {
  type PlatformDescription,
  type PlatformOptions,
  type RunningPlatform,
  startPlatform,
} from "./start-platform.ts";
