import { defineConfig } from "vitest/config";

const shared = {
  exclude: ["**/node_modules/**"],
  pool: "forks",
  testTimeout: 180_000,
  hookTimeout: 180_000,
} as const;

/** Rules touch nothing, so their files may share a process and its loaded modules; tests of parts may not. */
export default defineConfig({
  test: {
    maxWorkers: 2,
    passWithNoTests: false,
    allowOnly: false,
    projects: [
      {
        test: {
          ...shared,
          name: "parts",
          // Processes, ports and chains of one shared machine: the gate tries a failed one again, and says so.
          retry: process.env.CI === "true" ? 1 : 0,
          // Vitest's own second is too short for what another process writes on a busy machine.
          expect: { poll: { timeout: 30_000 } },
          include: ["{packages,services}/*/test/**/*.spec.ts", "e2e/**/*.spec.ts"],
        },
      },
      {
        test: {
          ...shared,
          name: "rules",
          include: ["{packages,services}/*/src/**/*.spec.ts", "bench/**/*.spec.ts", "tools/**/*.spec.ts"],
          isolate: false,
        },
      },
    ],
  },
});
