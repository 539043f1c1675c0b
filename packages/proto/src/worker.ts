export * from "./gen/cos/worker/v1/worker_service.ts";
