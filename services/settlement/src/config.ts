import type { ConfigOf, Settings } from "@cos/service-host";
import { z } from "zod";

/** Settings of the settlement service, read from `COS_SETTLEMENT_*`. */
export const settlementSettings = {
  host: { schema: z.string().min(1).default("127.0.0.1"), meaning: "address to listen on" },
  grpcPort: {
    schema: z.coerce.number().int().min(0).max(65_535).default(0),
    meaning: "port of gRPC; 0 picks a free one",
  },
  metricsPort: {
    schema: z.coerce.number().int().min(0).max(65_535).default(0),
    meaning: "port of /metrics, /healthz, /readyz; 0 picks a free one",
  },
  healthPort: {
    schema: z.coerce.number().int().min(1).max(65_535).optional(),
    meaning: "port that answers gRPC health in the clear, and nothing else, for probes; none when left out",
  },
  chainId: {
    schema: z.coerce.bigint().min(1n),
    meaning: "EIP-155 chain id that transactions are signed for",
  },
  pollMs: {
    schema: z.coerce.number().int().min(10).max(60_000).default(500),
    meaning: "time between passes when nothing was learnt",
    unit: "ms",
  },
  confirmations: {
    schema: z.coerce.number().int().min(0).max(10_000).default(0),
    meaning: "blocks on top of a transaction's block before it counts",
    unit: "blocks",
  },
  resendAfterSeconds: {
    schema: z.coerce.number().int().min(1).default(10),
    meaning: "the same bytes are handed over again when not mined for so long",
    unit: "s",
  },
  bumpAfterSeconds: {
    schema: z.coerce.number().int().min(1).default(60),
    meaning: "higher fees are offered when not mined for so long",
    unit: "s",
  },
  maxFeePerGasWei: {
    schema: z.coerce.bigint().min(0n).default(500_000_000_000n),
    meaning: "never offered more",
    unit: "wei per gas",
  },
  retryAfterSeconds: {
    schema: z.coerce.number().int().min(1).default(60),
    meaning: "a call that was refused is tried again after so long, even without news",
    unit: "s",
  },
  batchMaxUses: {
    schema: z.coerce.number().int().min(1).max(10_000).default(256),
    meaning: "uses in one batch at most",
    unit: "uses",
  },
  batchMaxAgeSeconds: {
    schema: z.coerce.number().int().min(0).default(30),
    meaning: "the oldest use waits so long at most",
    unit: "s",
  },
} as const satisfies Settings;

export type SettlementConfig = ConfigOf<typeof settlementSettings>;
