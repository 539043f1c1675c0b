import type { ObjectStore } from "@cos/objects";
import type { Address } from "@cos/protocol";
import type { Logger } from "@cos/service-host";
import type { Db } from "@cos/store";
import type {
  AccessPort,
  Clock,
  OidcPort,
  RandomPort,
  RateLimiter,
  SignatureVerifier,
  SignInMessagePort,
  TokenPort,
} from "./ports.ts";
import type { Repositories } from "./repositories.ts";

/** What the use cases are made from. The composition root fills it in. */
export type Dependencies = {
  readonly db: Db;
  readonly repositories: Repositories;
  readonly objects: ObjectStore;
  readonly access: AccessPort;
  readonly tokens: TokenPort;
  readonly oidc: OidcPort;
  readonly signInMessages: SignInMessagePort;
  readonly signatures: SignatureVerifier;
  readonly limiter: RateLimiter;
  readonly random: RandomPort;
  readonly logger: Logger<GatewayEvent>;
  readonly now: Clock;
  readonly settings: GatewaySettings;
};

/** The closed list of what the gateway logs. */
export type GatewayEvent =
  | "gateway.started"
  | "gateway.stopped"
  | "ticket.issued"
  | "ticket.redeemed"
  | "ticket.refused"
  | "object.refused"
  | "deletion.done"
  | "deletion.waiting"
  | "deletion.failed"
  | "deletion.foreign-blocks"
  | "deletion.manifest-missing"
  | "consumer.trouble"
  | "housekeeping.failed"
  | "keys.unreadable"
  | "outbox.failed"
  | "cache.lost"
  | "cache.found"
  | "rpc.bug"
  | "http.bug";

/** Settings that rules use. Sizes in bytes, times in seconds. */
export type GatewaySettings = {
  /** The audience of tickets and the root of the HTTP routes, without a trailing slash. */
  readonly publicUrl: string;
  readonly chainId: bigint;
  /** This gateway's identity key: its region is attested for it, and sessions are reserved for it. */
  readonly gatewayAddress: Address;
  readonly nonceSeconds: number;
  readonly sessionSeconds: number;
  readonly transferSeconds: number;
  readonly maxObjectBytes: number;
  readonly uploadQuotaBytes: number;
  /** A reading transfer may read everything that it covers this many times over, so that it can resume. */
  readonly readBudgetFactor: number;
  /** What a request to delete withdrawn people's rows waits for. */
  readonly deleteAt: "confirmed" | "finalized";
};
