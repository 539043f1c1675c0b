export { type OpsServiceOptions, opsService, type StatusFacts } from "./ops-service.ts";
