import type { RefusalCode as ClauseCode } from "@cos/protocol";

/**
 * Why the gateway refuses, and how each code looks at the edges. One table, so that gRPC and HTTP never disagree and the
 * compiler knows when a code is missing.
 */

/** Classes of refusal; adapters translate a class, never a single code. */
export type RefusalClass =
  | "invalid"
  | "unauthenticated"
  | "denied"
  | "missing"
  | "gone"
  | "too-large"
  | "length-required"
  | "range"
  | "mismatch"
  | "conflict"
  | "exhausted"
  | "unavailable";

export const refusalClasses = {
  /** A field is missing, of the wrong length or out of bounds. */
  INVALID_FIELD: "invalid",
  /** No session, or one that ended or was signed by another key. */
  SESSION_INVALID: "unauthenticated",
  /** Not an EIP-4361 message, or not one for this gateway and chain. */
  SIGN_IN_MESSAGE_INVALID: "unauthenticated",
  /** The nonce was never issued, was used, or is too old. */
  SIGN_IN_NONCE_INVALID: "unauthenticated",
  /** The signature is not the address's. */
  SIGN_IN_SIGNATURE_INVALID: "unauthenticated",
  /** Too many calls; `retryAfterSeconds` says when to come back. */
  RATE_LIMITED: "exhausted",
  /** No ticket of this gateway: bad signature, unknown id, wrong type. */
  TICKET_INVALID: "denied",
  /** Meant for another gateway. */
  TICKET_WRONG_AUDIENCE: "denied",
  /** 900 s old or older. */
  TICKET_EXPIRED: "denied",
  /** Presented by someone else than its holder. */
  TICKET_NOT_YOURS: "denied",
  /** Its holder or the owner made it useless. */
  TICKET_REVOKED: "denied",
  /** Redeemed before. */
  TICKET_REPLAYED: "denied",
  /** The proof of possession was signed too long ago or in the future. */
  TICKET_PROOF_STALE: "denied",
  /** The caller has no live identity token. */
  IDENTITY_MISSING: "denied",
  /** The identity's upload quota would be passed. */
  QUOTA_EXCEEDED: "exhausted",
  /** The caller does not own the dataset now. */
  NOT_OWNER: "denied",
  /** The dataset is withdrawn, or its new owner has not confirmed. */
  DATASET_UNAVAILABLE: "denied",
  /** The session was not reserved on chain under this grant. */
  SESSION_UNKNOWN: "denied",
  /** As many tickets as were reserved have been issued. */
  TICKETS_EXHAUSTED: "exhausted",
  /** EXPORT follows finality, and this is not final yet. */
  NOT_FINAL: "denied",
  /** There is no result yet, or the permit was refunded. */
  RESULT_NOT_AVAILABLE: "denied",
  /** Neither the permit's grantee nor an owner of one of its datasets. */
  NOT_A_PARTY: "denied",
  /** No such thing, or none that the caller may see. */
  NOT_FOUND: "missing",
  /** The manifest object is missing, or is not what the chain committed to. */
  MANIFEST_INVALID: "unavailable",
  /** The result bundle is missing, or not one of this permit. */
  BUNDLE_INVALID: "unavailable",
  /** No transfer, or one that ended. */
  TRANSFER_INVALID: "unauthenticated",
  /** The transfer is for reading, or for writing. */
  TRANSFER_WRONG_DIRECTION: "denied",
  /** The object does not belong to what the ticket was for. */
  OBJECT_NOT_COVERED: "missing",
  /** The object does not lie in the store. */
  OBJECT_MISSING: "missing",
  /** The object was deleted because people withdrew; it does not come back. */
  OBJECT_WITHDRAWN: "gone",
  /** An upload must say its length first. */
  LENGTH_REQUIRED: "length-required",
  /** Larger than one object may be. */
  OBJECT_TOO_LARGE: "too-large",
  /** The transfer's bytes are used up. */
  BUDGET_EXCEEDED: "too-large",
  /** Fewer or more bytes arrived than were announced. */
  LENGTH_MISMATCH: "mismatch",
  /** The bytes are not what their name says. */
  DIGEST_MISMATCH: "mismatch",
  /** No byte of the object lies in the range asked for. */
  RANGE_NOT_SATISFIABLE: "range",
  /** A new signing key is published already and does not sign yet. */
  ROTATION_PENDING: "conflict",
  /** Not one of the identity providers that this gateway believes. */
  ISSUER_UNKNOWN: "missing",
  /** No ID token of a provider for this gateway: `field` says what is wrong with it. */
  ID_TOKEN_INVALID: "unauthenticated",
  /** The key did not sign that the account is to be bound to it. */
  OIDC_SIGNATURE_INVALID: "unauthenticated",
  /** The account is bound to another key, which has to end that first. */
  OIDC_BOUND: "conflict",
  /** The account is bound to no key. */
  OIDC_UNBOUND: "denied",
  /** No such route or method. */
  ROUTE_UNKNOWN: "missing",
  /** The route exists for other methods. */
  METHOD_NOT_ALLOWED: "invalid",
  /** The mirror is behind or halted, or a service cannot be reached. */
  UNAVAILABLE: "unavailable",
} as const satisfies Record<string, RefusalClass>;

export type GatewayCode = keyof typeof refusalClasses;

/** The gateway's own codes, and those of the grant's clauses as the access service names them. */
export type RefusalCode = GatewayCode | ClauseCode;

export const refusalClassOf = (code: RefusalCode): RefusalClass =>
  Object.hasOwn(refusalClasses, code) ? refusalClasses[code as GatewayCode] : "denied";

/** A refusal with the facts that prove it; never a secret or a token. */
export type Refusal = {
  readonly code: RefusalCode;
  readonly facts: Readonly<Record<string, string | number | boolean>>;
};

export const refusal = (code: RefusalCode, facts: Refusal["facts"] = {}): Refusal => ({ code, facts });
