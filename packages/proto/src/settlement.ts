export * from "./gen/cos/settlement/v1/settlement_events.ts";
export * from "./gen/cos/settlement/v1/settlement_service.ts";
