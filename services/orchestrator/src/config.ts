import { asAddress } from "@cos/protocol";
import type { ConfigOf } from "@cos/service-host";
import { defaultTaskPartitions } from "@cos/topics";
import { z } from "zod";

const count = (min: number, max: number, value: number) =>
  z.coerce.number().int().min(min).max(max).default(value);
const amount = z.coerce.bigint().min(0n).default(0n);

export const orchestratorSettings = {
  host: { schema: z.string().default("127.0.0.1"), meaning: "address that the gRPC server binds" },
  grpcPort: { schema: count(0, 65_535, 0), meaning: "gRPC port; 0 picks a free one" },
  metricsPort: {
    schema: count(0, 65_535, 0),
    meaning: "port of /metrics, /healthz, /readyz; 0 picks a free one",
  },
  healthPort: {
    schema: z.coerce.number().int().min(1).max(65_535).optional(),
    meaning: "port that answers gRPC health in the clear, and nothing else, for probes; none when left out",
  },
  accessAddress: { schema: z.string().regex(/^[^\s/]+:\d+$/), meaning: "access's gRPC, host:port" },
  chainId: { schema: z.coerce.bigint().min(1n), meaning: "EIP-155 chain id that workers' attestations name" },
  operator: {
    schema: z
      .string()
      .regex(/^0x[0-9a-fA-F]{40}$/)
      .transform((text) => asAddress(text.toLowerCase()))
      .optional(),
    meaning:
      "address that permits name as their operator; others' permits are left alone; empty: every permit is ours",
  },
  defaultReplicas: {
    schema: count(1, 8, 2),
    meaning: "workers that evaluate each task where the permit leaves it to the operator",
  },
  maxReplicas: { schema: count(1, 8, 5), meaning: "most workers per task that a permit may ask for" },
  maxOutstandingPerGrantee: {
    schema: count(1, 10_000, 64),
    meaning: "task replicas of one grantee that wait or run at once",
  },
  queuePerSlot: {
    schema: count(1, 1_000, 4),
    meaning: "task replicas that wait or run in a region for each task that its workers compute at once",
  },
  minQueueDepth: {
    schema: count(1, 10_000, 16),
    meaning:
      "task replicas that may wait or run in a region whatever its workers: what an empty fleet grows by",
  },
  taskPartitions: {
    schema: count(1, 100_000, defaultTaskPartitions),
    meaning:
      "partitions of each region's queue, the workers' own setting too: at least as many as tasks that the region computes " +
      "at once; a topic that exists is changed by the broker's tools first",
  },
  moveSeconds: {
    schema: count(1, 600, 2),
    unit: "s",
    meaning: "a published task behind others moves to an idle worker after; doubles each time",
  },
  stragglerFactor: {
    schema: z.coerce.number().min(1.1).max(100).default(4),
    meaning: "a task that runs this many times longer than its like is run by another worker too",
  },
  stragglerSeconds: {
    schema: count(1, 86_400, 15),
    unit: "s",
    meaning: "no task counts as slow before it has run for",
  },
  leaseSeconds: { schema: count(2, 3_600, 10), unit: "s", meaning: "a lease without a heartbeat ends after" },
  republishSeconds: {
    schema: count(2, 86_400, 60),
    unit: "s",
    meaning: "a published task that nobody began is published again after; doubles each time",
  },
  tieBreakSeconds: {
    schema: count(1, 86_400, 120),
    unit: "s",
    meaning: "a job whose replicas differ fails when no further worker came within",
  },
  workerForgottenSeconds: {
    schema: count(5, 3_600, 45),
    unit: "s",
    meaning: "a worker that was not heard of for so long is not counted on",
  },
  announceSeconds: { schema: count(1, 600, 15), unit: "s", meaning: "workers say that they are there every" },
  maxTaskAttempts: {
    schema: count(1, 100, 6),
    meaning: "failures of one task, lost workers among them, that fail its job",
  },
  outageSeconds: {
    schema: count(1, 1_000_000, 1_800),
    unit: "s",
    meaning: "objects that workers cannot reach or store fail a job only when that lasts",
  },
  maxPlanAttempts: {
    schema: count(1, 100, 8),
    meaning: "looks for a missing object before a job is rejected",
  },
  orphanSeconds: {
    schema: count(60, 10_000_000, 90_000),
    unit: "s",
    meaning: "outputs that nothing names are deleted after: the longest task plus a day",
  },
  urlTtlSeconds: {
    schema: count(30, 86_400, 3_600),
    unit: "s",
    meaning: "presigned URLs of a task live for",
  },
  sweepSeconds: { schema: count(1, 600, 2), unit: "s", meaning: "pause between sweeps" },
  passesPerSecond: {
    schema: count(1, 1_000_000_000, 7_500),
    meaning:
      "passes of the cost model that a worker thread makes in a second with the wasm engine: for quotes",
  },
  nativePassesPerSecond: {
    schema: count(1, 1_000_000_000, 100_000),
    meaning: "the same with the native engine",
  },
  storeBytesPerSecond: {
    schema: count(1, 1_000_000_000_000, 250_000_000),
    unit: "B/s",
    meaning: "ciphertext that a worker thread reads from the object store: for quotes",
  },
  pricedEngine: {
    schema: z.enum(["wasm", "native"]).default("wasm"),
    meaning: "engine by whose rates quotes are priced: the one that the workers run",
  },
  pricePerComputeSecond: {
    schema: amount,
    unit: "smallest unit of the fee token",
    meaning: "price of a worker second",
  },
  pricePerInputMebibyte: {
    schema: amount,
    unit: "smallest unit of the fee token",
    meaning: "price of 1 MiB of ciphertext read",
  },
} as const;

export type OrchestratorConfig = ConfigOf<typeof orchestratorSettings>;
