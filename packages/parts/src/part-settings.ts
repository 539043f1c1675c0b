import type { ConfigOf, Settings } from "@cos/service-host";
import { z } from "zod";

const file = z.string().min(1).optional();

/** PEM files of one part's wire: read again when they change. */
const tlsFiles = <P extends string>(prefix: P, part: string, effect: string) =>
  ({
    [`${prefix}CaFile`]: {
      schema: file,
      meaning: `PEM file of the authorities that certify ${part}${effect}; public ones when left out`,
    },
    [`${prefix}CertFile`]: {
      schema: file,
      meaning: `PEM file of this process's certificate, for mutual TLS with ${part}`,
    },
    [`${prefix}KeyFile`]: { schema: file, meaning: "PEM file of that certificate's key" },
  }) as Record<`${P}${"Ca" | "Cert" | "Key"}File`, { schema: typeof file; meaning: string }>;

/** An outgoing https wire that shows no certificate of its own. */
const authority = (whom: string): string =>
  `PEM file of the authorities that certify ${whom}, whose URL is https then, and no others; public ones when left out; ` +
  "read again when it changes";

/**
 * Where a process finds its parts, read from `COS_*`. What may hold a password is named by a file that holds it. A part
 * that no setting names is embedded, in `dataDir`; the processes of one platform then do not see each other's.
 */
export const partSettings = {
  dataDir: { schema: file, meaning: "folder of the parts that are embedded" },
  databaseUrlFile: {
    schema: file,
    meaning:
      "file with postgres://user:password@host:port/database; ?sslmode=verify-full after it asks for TLS by a public " +
      "authority",
  },
  ...tlsFiles("database", "Postgres", "; turns TLS on (verify-full)"),
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
  brokersTls: {
    schema: z.stringbool().optional(),
    meaning: "TLS to the brokers, also without files where a public authority certified them",
  },
  ...tlsFiles("brokers", "the brokers", "; turns TLS on"),
  brokersSasl: {
    schema: z.enum(["plain", "scram-sha-256", "scram-sha-512"]).optional(),
    meaning: "how this client signs in at the brokers",
  },
  brokersSaslFile: { schema: file, meaning: "file with user:password for the brokers" },
  brokersPatienceSeconds: {
    schema: z.coerce.number().int().min(1).max(3_600).default(60),
    meaning: "how long brokers are asked before a failure is one",
  },
  oldestBackupDays: {
    schema: z.coerce.number().int().min(1).max(3_650).default(30),
    meaning:
      "age of the oldest backup that may be restored: which messages were counted is remembered at least so long",
    unit: "d",
  },
  objectStoreUrlFile: { schema: file, meaning: "file with http(s)://access-key:secret-key@host:port/bucket" },
  ...tlsFiles("objectStore", "the object store", ", where its URLs are https; workers need it too"),
  objectStorePublicUrl: {
    schema: z.url().optional(),
    meaning: "root under which presigned URLs are fetched, where it differs from the store's own",
  },
  cacheUrlFile: {
    schema: file,
    meaning: "file with redis://[:password@]host:port/number, or rediss:// for TLS",
  },
  ...tlsFiles("cache", "the cache", ", where its URL is rediss://"),
  rpcUrl: { schema: z.url().optional(), meaning: "the chain's JSON-RPC" },
  rpcUrlFile: { schema: file, meaning: "file with that URL instead, where it holds a provider's key" },
  rpcCaFile: { schema: file, meaning: authority("the node") },
  secondRpcUrl: {
    schema: z.url().optional(),
    meaning: "JSON-RPC of an independent provider, which must agree before a permission is given",
  },
  secondRpcUrlFile: { schema: file, meaning: "file with that URL instead" },
  secondRpcCaFile: { schema: file, meaning: authority("that node") },
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
    meaning:
      "gRPC, and passwords for brokers, in the clear also off the loopback, where another layer encrypts",
  },
  otelEndpoint: {
    schema: z.url({ protocol: /^https?$/ }).optional(),
    meaning:
      "root of a collector's OTLP over HTTP, such as http://collector:4318; no spans are sent when left out",
  },
  otelCaFile: { schema: file, meaning: authority("the collector") },
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
