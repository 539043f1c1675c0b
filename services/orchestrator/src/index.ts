export * from "./compose.ts";
export { type OrchestratorConfig, orchestratorSettings } from "./config.ts";
export type { OrchestratorEvent } from "./log-events.ts";
