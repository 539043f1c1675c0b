import type { ConfigOf, Settings } from "@cos/service-host";
import { z } from "zod";

const file = z.string().min(1).optional();

/**
 * Where a process finds its parts, read from `COS_*`. What may hold a password is named by a file that holds it. A part
 * that no setting names is embedded, in `dataDir`; the processes of one platform then do not see each other's.
 */
export const partSettings = {
  dataDir: { schema: file, meaning: "folder of the parts that are embedded" },
  databaseUrlFile: { schema: file, meaning: "file with postgres://user:password@host:port/database" },
  databasePoolSize: {
    schema: z.coerce.number().int().min(2).max(200).default(10),
    meaning: "connections to Postgres that the process holds at most",
  },
  brokers: {
    schema: z
      .string()
      .transform((text) => text.split(",").map((each) => each.trim()))
      .pipe(z.array(z.string().regex(/^[^\s/:]+:\d{1,5}$/)).min(1))
      .optional(),
    meaning: "Kafka brokers, host:port separated by commas",
  },
  brokersCaFile: { schema: file, meaning: "PEM of the authority of the brokers' certificates; turns TLS on" },
  brokersCertFile: { schema: file, meaning: "PEM of this client's certificate, for mutual TLS with brokers" },
  brokersKeyFile: { schema: file, meaning: "PEM of this client's private key" },
  brokersSasl: {
    schema: z.enum(["plain", "scram-sha-256", "scram-sha-512"]).optional(),
    meaning: "how this client signs in at the brokers",
  },
  brokersSaslFile: { schema: file, meaning: "file with user:password for the brokers" },
  objectStoreUrlFile: { schema: file, meaning: "file with http(s)://access-key:secret-key@host:port/bucket" },
  objectStorePublicUrl: {
    schema: z.url().optional(),
    meaning: "root under which presigned URLs are fetched, where it differs from the store's own",
  },
  cacheUrlFile: { schema: file, meaning: "file with redis://[:password@]host:port/number" },
  rpcUrl: { schema: z.url().optional(), meaning: "the chain's JSON-RPC" },
  secondRpcUrl: {
    schema: z.url().optional(),
    meaning: "JSON-RPC of an independent provider, which must agree before a permission is given",
  },
  chainId: {
    schema: z.coerce.number().int().min(1).optional(),
    meaning: "EIP-155 chain id that the node must have",
  },
  deploymentFile: { schema: file, meaning: "JSON file of the contracts' addresses by name" },
  serviceTokenFile: { schema: file, meaning: "file with the deployment's service token" },
  tlsCertFile: {
    schema: file,
    meaning:
      "PEM file of this process's certificate and those up to the authority; its SAN names the service, such as " +
      "URI:spiffe://cos/gateway; read again when it changes",
  },
  tlsKeyFile: { schema: file, meaning: "PEM file of the certificate's key" },
  tlsCaFile: { schema: file, meaning: "PEM file of the authorities that certify services" },
  plaintext: {
    schema: z.stringbool().default(false),
    meaning: "gRPC in the clear also off the loopback, where another layer encrypts",
  },
  otelEndpoint: {
    schema: z.url({ protocol: /^https?$/ }).optional(),
    meaning:
      "root of a collector's OTLP over HTTP, such as http://collector:4318; no spans are sent when left out",
  },
  otelFolder: { schema: file, meaning: "folder for a file of spans, OTLP as JSON lines" },
  otelSampleRatio: {
    schema: z.coerce.number().min(0).max(1).default(1),
    meaning: "share of traces that is recorded; the same in every service",
  },
  logFile: { schema: file, meaning: "file for log lines; standard output when left out" },
  logLevel: {
    schema: z.enum(["debug", "info", "warn", "error"]).default("info"),
    meaning: "least level logged",
  },
} as const satisfies Settings;

export type PartConfig = ConfigOf<typeof partSettings>;
