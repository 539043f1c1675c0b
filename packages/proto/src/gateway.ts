export * from "./gen/cos/gateway/v1/gateway_events.ts";
export * from "./gen/cos/gateway/v1/gateway_service.ts";
