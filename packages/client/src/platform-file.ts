import { readFile } from "node:fs/promises";
import { z } from "zod";
import { CosFailure } from "./failure.ts";

const address = z.string().regex(/^0x[0-9a-fA-F]{40}$/);
const pem = z.string().includes("BEGIN CERTIFICATE");
const endpoint = z.string().regex(/^[^\s/]+:\d{1,5}$/);

export const contractNames = [
  "Authority",
  "IdentitySBT",
  "DatasetRegistry",
  "AccessACL",
  "UsageLog",
  "AlgorithmRegistry",
  "JobPermits",
  "Settlement",
  "RegionOracle",
] as const;
export type ContractName = (typeof contractNames)[number];

const platformSchema = z.object({
  format: z.literal("cos-platform/1"),
  name: z.string(),
  chain: z.object({
    chainId: z.int().min(1),
    rpcUrl: z.url(),
    contracts: z.record(z.string(), address),
    /** Tokens that `Settlement` takes; empty where everything is free. */
    feeTokens: z.array(z.object({ address, symbol: z.string(), decimals: z.int() })),
  }),
  /** gRPC, `host:port`. The gateway's HTTP object routes are named by the gateway itself. */
  services: z.object({
    gateway: endpoint,
    access: endpoint,
    settlement: endpoint,
    orchestrator: endpoint.optional(),
    workers: z.array(endpoint).default([]),
  }),
  /** Where services are reached under TLS: the authority that certifies them, PEM. In the clear when left out. */
  tls: z
    .object({
      ca: pem,
      /** The authority of the gateway's HTTPS; public ones when left out. */
      httpCa: pem.optional(),
    })
    .optional(),
  /** Whom permits name as operator, and the region of gateway and workers; empty for none. */
  operator: address,
  gatewayAddress: address,
  region: z.string(),
  /** Built-in programs: name to algorithmId. */
  programs: z.record(z.string(), z.string().regex(/^0x[0-9a-f]{64}$/)),
});

/** Where a platform is and which contracts it obeys. Holds no secret; anyone may have it. */
export type Platform = z.infer<typeof platformSchema>;

/** Reads the file that `cos up` writes (or an operator hands out). */
export async function readPlatformFile(path: string): Promise<Platform> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
    throw new CosFailure("not-found", "PLATFORM_UNKNOWN", `there is no platform file at ${path}`, {
      hint: "start a platform with `cos up`, or name one with --platform FILE",
    });
  }
  const parsed = platformSchema.safeParse(safeJson(text));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new CosFailure("usage", "PLATFORM_MALFORMED", `${path} is not a platform file`, {
    facts: { field: issue?.path.join(".") ?? "", detail: issue?.message ?? "" },
  });
}

/** The address of a contract. */
export function contractAddress(platform: Platform, name: ContractName): string {
  const found = platform.chain.contracts[name];
  if (found !== undefined) return found;
  throw new CosFailure("usage", "PLATFORM_MALFORMED", `the platform file names no contract ${name}`);
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
