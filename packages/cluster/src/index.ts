export * from "./fleet.ts";
export * from "./managed-process.ts";
export * from "./prepare-cluster.ts";
