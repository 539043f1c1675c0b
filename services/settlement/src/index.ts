export {
  composeSettlement,
  type SettlementLogEvent,
  type SettlementParts,
  type SettlementServiceHandle,
} from "./compose.ts";
export { type SettlementConfig, settlementSettings } from "./config.ts";
