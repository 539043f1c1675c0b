import type { Address, Digest, GrantId, PermitId, Result } from "@cos/protocol";
import type { DatasetFacts, VersionFacts } from "../domain/decide-issue.ts";
import type { Refusal } from "../domain/refusal.ts";
import type { Ticket } from "../domain/ticket.ts";

/** Unix seconds; injected, so that a test can stand at 899 s. */
export type Clock = () => number;

/** Thrown when another service, the chain or the store cannot be reached: nothing is decided, the caller may try again. */
export class ServiceUnavailable extends Error {
  readonly service: string;
  constructor(service: string, options?: ErrorOptions) {
    super(`${service} cannot be reached`, options);
    this.name = "ServiceUnavailable";
    this.service = service;
  }
}

export type AccessQuestion = {
  readonly grantId: GrantId;
  readonly datasetId: string;
  readonly grantee: Address;
  readonly op: number;
  readonly purposeHash: Digest;
  readonly regionCode: Digest;
  /** 0: whichever version the grant admits now. */
  readonly version: number;
};

export type DatasetView = Omit<DatasetFacts, "versions"> & {
  readonly versions: readonly (VersionFacts & {
    readonly manifestCommitment: Digest;
    readonly manifestUri: string;
  })[];
};

export type GrantView = {
  /** Clause 7: re-encryption to the grantee, or a key that the grantee shares. */
  readonly resultMayReachGrantee: boolean;
};

export type PermitView = {
  readonly grantee: Address;
  readonly state: string;
  readonly resultUri: string;
  readonly datasets: readonly { readonly datasetId: string; readonly grantId: string }[];
};

/** The mirrored chain, as `access` answers. Every method throws `ServiceUnavailable` when it cannot. */
export type AccessPort = {
  /** @returns the version that the grant admits */
  checkAccess(question: AccessQuestion): Promise<Result<{ version: number }, Refusal>>;
  getDataset(datasetId: string): Promise<DatasetView | undefined>;
  getGrant(grantId: string): Promise<GrantView | undefined>;
  getPermit(permitId: PermitId): Promise<PermitView | undefined>;
  /** Attested region of a gateway or worker; `expiry` in Unix seconds, exclusive. */
  getRegion(subject: Address): Promise<{ readonly regionCode: Digest; readonly expiry: number } | undefined>;
};

/** Signed statements of this gateway. */
export type TokenPort = {
  signSession(session: Session): Promise<string>;
  /** The session of a token that this gateway signed and that has not ended at `now`. */
  readSession(token: string, now: number): Promise<Session | undefined>;
  signTicket(ticket: Ticket): Promise<string>;
  /** A ticket with a good signature, whatever its age. */
  readTicket(token: string): Promise<Ticket | undefined>;
};

/** Who is signed in; times in Unix seconds, `expiresAt` exclusive. */
export type Session = { readonly address: Address; readonly issuedAt: number; readonly expiresAt: number };

/** What a provider's ID token says. */
export type IdToken = { readonly issuer: string; readonly subject: string; readonly nonce: string };

/** Institutions' identity providers. */
export type OidcPort = {
  /** What a provider calls this gateway; undefined for a provider that it does not believe. */
  clientIdOf(issuer: string): string | undefined;
  /**
   * Checks everything about a token but whether its nonce is fresh. Throws `ServiceUnavailable` when the provider's keys
   * cannot be had.
   * @errors `ID_TOKEN_INVALID`
   */
  verify(token: string, now: number): Promise<Result<IdToken, Refusal>>;
};

/** A signature by a key, or by a contract wallet (EIP-1271). Throws `ServiceUnavailable` when the chain must be asked and cannot. */
export type SignatureVerifier = {
  verifyHash(address: Address, hash: Digest, signature: string): Promise<boolean>;
};

export type SignInMessagePort = {
  write(challenge: SignInChallenge): string;
  /** Reads a message and checks it against what this gateway writes; the signature covers its EIP-191 hash. */
  read(message: string, now: number): Result<{ address: Address; nonce: string; hash: Digest }, Refusal>;
};
export type SignInChallenge = {
  readonly address: Address;
  readonly nonce: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
};

/** `take` refuses with `RATE_LIMITED`. Keys are identities or peers; kinds have rules of their own. */
export type RateLimiter = {
  take(kind: RateKind, key: string): Promise<Result<undefined, Refusal>>;
};
export type RateKind = "signIn" | "call" | "ticket" | "object";

/** Randomness of the system's generator. */
export type RandomPort = { bytes(count: number): Uint8Array };
