export type { GatewayEvent } from "./app/dependencies.ts";
export { composeGateway, type GatewayHandle, type GatewayParts } from "./compose.ts";
export { type GatewayConfig, gatewaySettings, readGatewayConfig } from "./config.ts";
