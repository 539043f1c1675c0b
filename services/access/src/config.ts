import type { ConfigOf, Settings } from "@cos/service-host";
import { z } from "zod";

const port = z.coerce.number().int().min(0).max(65_535);

/** Settings of the access service, read from `COS_ACCESS_*`. */
export const accessSettings = {
  host: { schema: z.string().min(1).default("127.0.0.1"), meaning: "address to listen on" },
  grpcPort: { schema: port.default(0), meaning: "port of gRPC; 0 picks a free one" },
  metricsPort: {
    schema: port.default(0),
    meaning: "port of /metrics, /healthz, /readyz; 0 picks a free one",
  },
  healthPort: {
    schema: z.coerce.number().int().min(1).max(65_535).optional(),
    meaning: "port that answers gRPC health in the clear, and nothing else, for probes; none when left out",
  },
  depth: {
    schema: z.coerce.number().int().min(0).max(10_000).default(0),
    meaning: "blocks on top of a log's block before it counts as confirmed",
    unit: "blocks",
  },
  startBlock: {
    schema: z.coerce.number().int().min(0).default(0),
    meaning: "first block to mirror: that of the deployment, or any before it",
    unit: "height",
  },
  batch: {
    schema: z.coerce.number().int().min(1).max(1_000).default(64),
    meaning: "blocks read and stored in one go at most",
    unit: "blocks",
  },
  maxLogs: {
    schema: z.coerce.number().int().min(1).max(100_000).default(4_000),
    meaning: "logs after which no further block is added to what is stored in one go",
    unit: "logs",
  },
  fetchers: {
    schema: z.coerce.number().int().min(1).max(64).default(8),
    meaning: "blocks asked for at once",
    unit: "blocks",
  },
  receiptsCheck: {
    schema: z.enum(["root", "bloom"]).default("root"),
    meaning:
      "what logs are checked against: the header's hash and receipts root, or, on chains whose headers or receipts are encoded otherwise, its bloom filter",
  },
  catchUpBlocks: {
    schema: z.coerce.number().int().min(1).default(64),
    meaning: "distance from the head from which events are marked as catching up",
    unit: "blocks",
  },
  pollMs: {
    schema: z.coerce.number().int().min(10).max(60_000).default(150),
    meaning: "time between looks at an unchanged chain",
    unit: "ms",
  },
  maxLagSeconds: {
    schema: z.coerce.number().int().min(1).max(3_600).default(30),
    meaning: "no permission is given when the mirror has not seen the chain's head for longer",
    unit: "s",
  },
  maxHeadAgeSeconds: {
    schema: z.coerce.number().int().min(0).default(0),
    meaning:
      "a head whose block is older is that of a node which stands still; 0, for chains that make no block without a transaction, takes any head",
    unit: "s",
  },
  witnessDepth: {
    schema: z.coerce.number().int().min(0).max(1_000).default(1),
    meaning: "blocks below the head at which a second node must name the same block",
    unit: "blocks",
  },
  witnessMaxGapBlocks: {
    schema: z.coerce.number().int().min(0).default(16),
    meaning: "blocks that one node's head may be ahead of the other's",
    unit: "blocks",
  },
  witnessPollMs: {
    schema: z.coerce.number().int().min(10).max(60_000).default(1_000),
    meaning: "time between looks at the second node",
    unit: "ms",
  },
} as const satisfies Settings;

export type AccessConfig = ConfigOf<typeof accessSettings>;
