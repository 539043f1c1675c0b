export * from "./gen/cos/compute/v1/compute_events.ts";
export * from "./gen/cos/compute/v1/compute_service.ts";
