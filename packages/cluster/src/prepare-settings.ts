import type { ConfigOf, Settings } from "@cos/service-host";
import { z } from "zod";

const endpoint = z.string().regex(/^[^\s/:]+:\d{1,5}$/);
const list = (each: z.ZodString) =>
  z
    .string()
    .transform((text) => text.split(",").map((one) => one.trim()))
    .pipe(z.array(each).min(1));

/** What a deployment is prepared for, read from `COS_PREPARE_*`. */
export const prepareSettings = {
  folder: {
    schema: z.string().min(1).default("/run/cos"),
    meaning: "folder of the folders that are mounted: operator, client, one per service, worker and part",
  },
  kafka: { schema: endpoint.default("kafka:9092"), meaning: "Kafka, host:port" },
  postgres: { schema: endpoint.default("postgres:5432"), meaning: "Postgres, host:port" },
  minio: { schema: endpoint.default("minio:9000"), meaning: "object store, host:port" },
  redis: { schema: endpoint.default("redis:6379"), meaning: "cache, host:port" },
  partTls: {
    schema: z.stringbool().default(false),
    meaning: "certificates for Kafka, Postgres, object store and cache, which then speak TLS only",
  },
  region: { schema: z.string().default(""), meaning: "region of gateway and operator; empty for none" },
  workerRegions: {
    schema: list(z.string().regex(/^[a-z0-9-]{1,31}$/)),
    meaning: "region of each worker, separated by commas",
  },
  certificateDays: {
    schema: z.coerce.number().int().min(1).max(825).default(90),
    meaning: "days that certificates of services and parts are good for; preparing again renews them",
    unit: "days",
  },
  name: { schema: z.string().min(1).default("compose"), meaning: "name of the platform in its file" },
  publicRpcUrl: { schema: z.url(), meaning: "the chain's JSON-RPC as clients reach it" },
  publicGateway: { schema: endpoint, meaning: "gateway's gRPC as clients reach it, host:port" },
  publicAccess: { schema: endpoint, meaning: "access's gRPC as clients reach it, host:port" },
  publicSettlement: { schema: endpoint, meaning: "settlement's gRPC as clients reach it, host:port" },
  publicOrchestrator: {
    schema: endpoint,
    meaning: "orchestrator's gRPC as `cos doctor` reaches it, host:port",
  },
  publicWorkers: {
    schema: list(endpoint as z.ZodString),
    meaning: "each worker's gRPC as `cos doctor` reaches it, host:port separated by commas",
  },
} as const satisfies Settings;

export type PrepareConfig = ConfigOf<typeof prepareSettings>;
