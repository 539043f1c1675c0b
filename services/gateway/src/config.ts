import { asAddress } from "@cos/protocol";
import { type ConfigOf, readConfig, type Settings } from "@cos/service-host";
import { isAddress } from "ethers";
import { z } from "zod";
import { jwksMaxAgeSeconds } from "./adapters/http/jwks-route.ts";

const port = z.coerce.number().int().min(0).max(65_535);
const seconds = (fallback: number, max: number) => z.coerce.number().int().min(1).max(max).default(fallback);
const rate = (fallback: number) => z.coerce.number().positive().max(1_000_000).default(fallback);
const address = z.string().regex(/^[^\s/]+:\d+$/);

/** Settings of the gateway, read from `COS_GATEWAY_*`. */
export const gatewaySettings = {
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
  httpPort: { schema: port.min(1), meaning: "port of the HTTP object routes" },
  httpCertFile: {
    schema: z.string().min(1).optional(),
    meaning:
      "PEM file of the certificate of the public URL's host and those up to its authority; the HTTP port then speaks " +
      "TLS only; read again when it changes",
  },
  httpKeyFile: { schema: z.string().min(1).optional(), meaning: "PEM file of that certificate's key" },
  publicUrl: {
    schema: z
      .url({ protocol: /^https?$/ })
      .refine((url) => new URL(url).pathname === "/" && !url.endsWith("/"))
      .optional(),
    meaning:
      "URL that clients use, scheme and authority only: the audience of tickets and the domain of sign-ins; " +
      "http(s)://<host>:<httpPort> when left out",
  },
  chainId: {
    schema: z.coerce.bigint().min(1n),
    meaning: "EIP-155 id of the chain whose contracts it follows",
  },
  gatewayAddress: {
    schema: z
      .string()
      .refine((text) => isAddress(text))
      .transform(asAddress),
    meaning: "this gateway's identity: its region is attested for it and ticket sessions are reserved for it",
  },
  accessAddress: { schema: address, meaning: "the access service's gRPC, host:port" },
  orchestratorAddress: { schema: address, meaning: "the orchestrator's gRPC, host:port" },
  signingKeyFile: {
    schema: z.string().min(1),
    meaning: "file of the Ed25519 keys (0600) that sign sessions and tickets; made at the first start",
  },
  keyLeadSeconds: {
    schema: z.coerce.number().int().min(jwksMaxAgeSeconds).max(86_400).default(900),
    meaning: "how long a new signing key is published before it signs",
    unit: "s",
  },
  keyRefreshSeconds: {
    schema: seconds(5, 300),
    meaning: "how often the file is looked at for keys that another gateway made",
    unit: "s",
  },
  oidcProvidersFile: {
    schema: z.string().min(1).optional(),
    meaning:
      "JSON file of the identity providers whose ID tokens are believed: [{ issuer, clientId, caFile? }]",
  },
  oidcKeyCooldownSeconds: {
    schema: seconds(30, 3_600),
    meaning: "how often an identity provider is asked at most for a key that is not in its known set",
    unit: "s",
  },
  nonceSeconds: { schema: seconds(300, 900), meaning: "life of a sign-in nonce", unit: "s" },
  sessionSeconds: { schema: seconds(900, 3_600), meaning: "life of a session", unit: "s" },
  transferSeconds: {
    schema: seconds(3_600, 86_400),
    meaning: "life of the transfer that a redeemed ticket buys",
    unit: "s",
  },
  maxObjectBytes: {
    schema: z.coerce
      .number()
      .int()
      .min(1)
      .default(2 ** 32),
    meaning: "size of one uploaded object at most",
    unit: "bytes",
  },
  uploadQuotaBytes: {
    schema: z.coerce
      .number()
      .int()
      .min(1)
      .default(2 ** 40),
    meaning: "bytes that one identity may have stored or promised at most",
    unit: "bytes",
  },
  readBudgetFactor: {
    schema: z.coerce.number().int().min(1).max(100).default(3),
    meaning: "how many times over a ticket's objects may be read, so that a download can resume",
  },
  deleteAt: {
    schema: z.enum(["confirmed", "finalized"]).default("finalized"),
    meaning: "how deep a withdrawal's log lies before rows are deleted, which nothing undoes",
  },
  retrySeconds: {
    schema: seconds(30, 3_600),
    meaning: "pause between attempts at a waiting deletion",
    unit: "s",
  },
  signInBurst: { schema: rate(200), meaning: "sign-in calls at once, per calling host" },
  signInPerSecond: { schema: rate(10), meaning: "sign-in calls, per calling host", unit: "1/s" },
  callBurst: { schema: rate(400), meaning: "calls at once, per identity" },
  callPerSecond: { schema: rate(100), meaning: "calls, per identity", unit: "1/s" },
  ticketBurst: { schema: rate(200), meaning: "tickets issued or redeemed at once, per identity" },
  ticketPerSecond: { schema: rate(20), meaning: "tickets issued or redeemed, per identity", unit: "1/s" },
  objectBurst: { schema: rate(5_000), meaning: "object requests at once, per identity" },
  objectPerSecond: { schema: rate(1_000), meaning: "object requests, per identity", unit: "1/s" },
} as const satisfies Settings;

export type GatewayConfig = ConfigOf<typeof gatewaySettings>;

export const readGatewayConfig = (environment: Readonly<Record<string, string | undefined>>) =>
  readConfig(gatewaySettings, "COS_GATEWAY_", environment);
