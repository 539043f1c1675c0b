export { checkHealth, type Health } from "./check-health.ts";
export { type HealthReport, readHealthReport } from "./health-report.ts";
export { type Need, type NeedName, serviceNeed } from "./needs.ts";
