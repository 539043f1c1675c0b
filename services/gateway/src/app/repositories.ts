import type { Address, Digest, ObjectRef, PermitId } from "@cos/protocol";
import type { Queryable, Tx } from "@cos/store";
import type { ChainFact, ChainFactAt } from "../domain/chain-facts.ts";
import type { Depth } from "../domain/decide-issue.ts";
import type { Ticket } from "../domain/ticket.ts";

/** Nonces of sign-in challenges: unique rows, each used once. */
export type Nonces = {
  /** @param owner whom it is for: an address, or an identity provider */
  insert(db: Queryable, nonce: string, owner: string, expiresAt: number): Promise<void>;
  /** @returns false when the nonce is unknown, another owner's, used before, or expired at `now` (exclusive) */
  use(db: Queryable, nonce: string, owner: string, now: number): Promise<boolean>;
  deleteExpired(db: Queryable, now: number): Promise<void>;
};

/** Which key an account at an identity provider is bound to. Accounts are kept as a digest: they may be names of people. */
export type OidcBindings = {
  /** @returns the address that the account is bound to now, which is another where it was bound before */
  bind(db: Queryable, account: OidcAccount, address: Address, now: number): Promise<Address>;
  find(db: Queryable, account: OidcAccount): Promise<Address | undefined>;
  /** @returns false when the account is not bound to this address */
  unbind(db: Queryable, account: OidcAccount, address: Address): Promise<boolean>;
};
export type OidcAccount = { readonly issuer: string; readonly subject: string };

/** Logs that decisions rest on, by subject. */
export type ChainFacts = {
  record(tx: Tx, log: ChainLogId, depth: Depth, fact: ChainFact): Promise<void>;
  retract(tx: Tx, log: ChainLogId): Promise<void>;
  /** In block order; none of a session whose issued tickets are not known because tables were lost. */
  of(db: Queryable, subject: string): Promise<ChainFactAt[]>;
  /** Logs of all datasets ever registered, by dataset, in block order, each with its rank among all. */
  ofAllDatasets(db: Queryable): Promise<Map<string, ChainFactAt[]>>;
  /** Identity tokens that ever were `holder`'s. */
  identitiesOf(db: Queryable, holder: Address): Promise<string[]>;
};
export type ChainLogId = {
  readonly blockHash: string;
  readonly blockNumber: bigint;
  readonly logIndex: number;
};

/** Tickets issued, revoked and redeemed. */
export type Tickets = {
  /** @param sbtId the identity whose quota an UPLOAD ticket promises */
  insert(tx: Tx, ticket: Ticket, sbtId?: string): Promise<void>;
  /** All or none of them, each with no quota to it. */
  insertAll(db: Queryable, tickets: readonly Ticket[]): Promise<void>;
  find(db: Queryable, ticketId: Digest): Promise<StoredTicket | undefined>;
  /** @returns false when the ticket is unknown or another holder's */
  revoke(tx: Tx, ticketId: Digest, holder: Address, now: number): Promise<boolean>;
  /** Writes the one redemption row a ticket can have. @returns what stood in the way, if anything */
  redeem(tx: Tx, ticketId: Digest, now: number): Promise<"redeemed" | "replayed" | "revoked">;
  /** Counts one more ticket of a session while fewer than `reserved` are counted. @returns false when none is left */
  countIssued(tx: Tx, sessionId: Digest, reserved: number): Promise<boolean>;
  issuedOf(db: Queryable, sessionId: Digest): Promise<number>;
};
export type StoredTicket = {
  readonly holder: Address;
  readonly revoked: boolean;
  readonly redeemed: boolean;
};

/** What a transfer may touch. */
export type TransferScope =
  | { readonly kind: "upload"; readonly sbtId: string }
  | {
      readonly kind: "version";
      readonly audience: "owner" | "grantee";
      readonly datasetId: string;
      readonly version: number;
      readonly grantId: string | null;
      readonly manifest: ObjectRef;
    }
  | {
      readonly kind: "result";
      readonly permitId: PermitId;
      readonly bundle: ObjectRef;
      /** Null where the reader may see the bundle only. */
      readonly entries: ObjectRef | null;
    };

/** A redeemed ticket at work. Times in Unix seconds, `expiresAt` exclusive. */
export type Transfer = {
  /** SHA-256 of the bearer token; the token itself is never stored. */
  readonly tokenHash: Digest;
  readonly ticketId: Digest;
  readonly holder: Address;
  readonly scope: TransferScope;
  readonly bytesLeft: number;
  readonly expiresAt: number;
};

export type Transfers = {
  insert(tx: Tx, transfer: Transfer): Promise<void>;
  /** The transfer unless it was closed or has ended at `now`. */
  findOpen(db: Queryable, tokenHash: Digest, now: number): Promise<Transfer | undefined>;
  /** Takes bytes off the budget in one statement. @returns false when not enough are left, or the transfer has ended */
  takeBytes(db: Queryable, tokenHash: Digest, bytes: number, now: number): Promise<boolean>;
  giveBackBytes(db: Queryable, tokenHash: Digest, bytes: number): Promise<void>;
  /** How often transfers were closed because what they rest on is gone. Read it before asking what a transfer rests on. */
  closings(db: Queryable): Promise<bigint>;
  /** The same, and nothing more is closed before the transaction has ended. */
  holdClosings(tx: Tx): Promise<bigint>;
  closeByTicket(tx: Tx, ticketId: Digest, now: number): Promise<void>;
  closeByIdentity(tx: Tx, sbtId: string, now: number): Promise<void>;
  closeByGrant(tx: Tx, grantId: string, now: number): Promise<void>;
  /** Those of grantees only: an owner keeps its own. */
  closeGrantsOfDataset(tx: Tx, datasetId: string, now: number): Promise<void>;
  closeAllOfDataset(tx: Tx, datasetId: string, now: number): Promise<void>;
  /** Forgets transfers that ended before this instant, and tickets that did and bought none that is kept. */
  deleteEnded(db: Queryable, before: number): Promise<void>;
};

/** Who stored what through this gateway, and what must not come back. */
export type Uploads = {
  /** Remembers a stored object; the first time an identity stores it, it counts against its quota. */
  record(
    tx: Tx,
    upload: { digest: Digest; sbtId: string; sizeBytes: number; tokenHash: Digest },
  ): Promise<void>;
  wasPutBy(db: Queryable, digest: Digest, sbtId: string): Promise<boolean>;
  wasPutInTransfer(db: Queryable, digest: Digest, tokenHash: Digest): Promise<boolean>;
  /** Locks the identity's quota for this transaction. @returns bytes stored and bytes promised to open tickets and transfers */
  lockUsage(tx: Tx, sbtId: string, now: number): Promise<number>;
  /** Identities by object, the first uploader first. */
  uploadersOf(db: Queryable, digests: readonly Digest[]): Promise<Map<Digest, string[]>>;
  isWithdrawn(db: Queryable, digest: Digest): Promise<boolean>;
  withdrawnAmong(db: Queryable, digests: readonly Digest[]): Promise<Set<Digest>>;
  /** Marks objects as never to come back. */
  markWithdrawn(tx: Tx, digests: readonly Digest[]): Promise<void>;
  /** Frees the quota of whoever stored these objects, once they are gone. */
  forget(tx: Tx, digests: readonly Digest[]): Promise<void>;
};

/** Deletions that the chain asked for. */
export type Deletions = {
  request(tx: Tx, deletion: DeletionId): Promise<void>;
  list(db: Queryable, which: "pending" | "all"): Promise<DeletionId[]>;
  finish(db: Queryable, deletion: DeletionId, objects: number): Promise<void>;
};
/** `barrier`: versions below go; 0 means the whole dataset. */
export type DeletionId = { readonly datasetId: string; readonly barrier: number };

export type Repositories = {
  readonly nonces: Nonces;
  readonly oidcBindings: OidcBindings;
  readonly facts: ChainFacts;
  readonly tickets: Tickets;
  readonly transfers: Transfers;
  readonly uploads: Uploads;
  readonly deletions: Deletions;
};
