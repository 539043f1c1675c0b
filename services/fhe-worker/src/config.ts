import { engineSettings } from "@cos/programs";
import { type ConfigOf, readConfig } from "@cos/service-host";
import { defaultTaskPartitions } from "@cos/topics";
import { z } from "zod";

const names = z
  .string()
  .default("any")
  .transform((text) => text.split(",").map((name) => name.trim()))
  .pipe(
    z
      .array(z.string().regex(/^[a-z0-9-]{1,31}$/))
      .min(1)
      .max(16),
  );

export const workerSettings = {
  host: { schema: z.string().default("127.0.0.1"), meaning: "address that the gRPC server binds" },
  grpcPort: {
    schema: z.coerce.number().int().min(0).max(65_535).default(0),
    meaning: "gRPC port; 0 picks a free one",
  },
  metricsPort: {
    schema: z.coerce.number().int().min(0).max(65_535).default(0),
    meaning: "port of /metrics, /healthz, /readyz; 0 picks a free one",
  },
  healthPort: {
    schema: z.coerce.number().int().min(1).max(65_535).optional(),
    meaning: "port that answers gRPC health in the clear, and nothing else, for probes; none when left out",
  },
  regions: { schema: names, meaning: "regions whose tasks it takes, separated by commas" },
  threads: {
    schema: z.coerce.number().int().min(1).max(256).default(1),
    meaning: "evaluator threads: tasks that it computes at once",
  },
  engine: {
    schema: z.enum(engineSettings).default("auto"),
    meaning: "what computes on ciphertexts; auto: native code where it was compiled, else WebAssembly",
  },
  taskPartitions: {
    schema: z.coerce.number().int().min(1).max(100_000).default(defaultTaskPartitions),
    meaning: "partitions of each region's queue, the same as the orchestrator's",
  },
  prefetchTasks: {
    schema: z.coerce.number().int().min(0).max(256).default(1),
    meaning: "tasks that it takes beyond those, to fetch their inputs meanwhile",
  },
  readAheadMebibytes: {
    schema: z.coerce.number().int().min(1).max(65_536).default(128),
    unit: "MiB",
    meaning:
      "ciphertext of all its tasks that is fetched before it is needed, at most; a reduce task keeps half as much, and reads more than that again",
  },
  orchestratorAddress: {
    schema: z.string().regex(/^[^\s/]+:\d+$/),
    meaning: "orchestrator's gRPC, host:port",
  },
  chainId: { schema: z.coerce.bigint().min(1n), meaning: "EIP-155 chain id that attestations name" },
  heartbeatMs: {
    schema: z.coerce.number().int().min(100).max(60_000).default(1_000),
    unit: "ms",
    meaning: "between heartbeats of a running task: the latest that it hears of a revocation",
  },
  drainSeconds: {
    schema: z.coerce.number().int().min(0).max(86_400).default(25),
    unit: "s",
    meaning: "how long running tasks may go on when it ends, before they are handed back",
  },
} as const;

export type WorkerConfig = ConfigOf<typeof workerSettings>;

export const readWorkerConfig = (environment: Readonly<Record<string, string | undefined>>) =>
  readConfig(workerSettings, "COS_WORKER_", environment);
