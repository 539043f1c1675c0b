export * from "./compose.ts";
export { type OrchestratorConfig, orchestratorSettings, readOrchestratorConfig } from "./config.ts";
export type { OrchestratorEvent } from "./log-events.ts";
