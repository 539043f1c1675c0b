export {
  type AccessLogEvent,
  type AccessParts,
  type AccessServiceHandle,
  composeAccess,
} from "./compose.ts";
export { type AccessConfig, accessSettings } from "./config.ts";
