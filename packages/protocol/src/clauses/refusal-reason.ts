/**
 * The contract's `Reason` (contracts/src/types/GrantTypes.sol): rules are tried in this order and the first one that
 * refuses names the answer. The position in the list is the value on chain.
 */
export const reasons = [
  "None",
  "Allowed",
  "UnknownGrant",
  "NotGranted",
  "Revoked",
  "WrongGrantee",
  "IdentityNotLive",
  "DatasetUnavailable",
  "WrongOperation",
  "WrongPurpose",
  "NotYetValid",
  "Expired",
  "WrongRegion",
  "RunsExhausted",
  "TicketsExhausted",
  "RateExceeded",
  "BudgetExhausted",
  "ReleasesExhausted",
  "VersionBarred",
  "VersionMismatch",
  "AlgorithmNotAllowed",
] as const;
export type Reason = (typeof reasons)[number];
export type RefusalReason = Exclude<Reason, "None" | "Allowed">;

/**
 * What services, tickets and the command line call a refusal, and the clause (1 to 10) that it rests on, as the
 * contract's `clauseOf` has it: 0 where there is no grant whose clause could refuse (default deny).
 */
export const refusalCodes = {
  /** No such grant, or not one for the dataset asked about: default deny. */
  UnknownGrant: { code: "NO_GRANT", clause: 0 },
  /** Requested or declined only. */
  NotGranted: { code: "NOT_GRANTED", clause: 0 },
  /** Revoked by itself or with its epoch. */
  Revoked: { code: "GRANT_REVOKED", clause: 8 },
  /** Not the grantee that the grant names. */
  WrongGrantee: { code: "GRANTEE_MISMATCH", clause: 1 },
  /** The grant's identity token is not, or not any more, with the grantee. */
  IdentityNotLive: { code: "IDENTITY_DEAD", clause: 1 },
  /** Paused, or its transfer or its owner's identity is unsettled; `DATASET_WITHDRAWN` when it is gone for good. */
  DatasetUnavailable: { code: "DATASET_SUSPENDED", clause: 2 },
  /** An operation outside the grant's mask, or none. */
  WrongOperation: { code: "OPERATION_NOT_GRANTED", clause: 2 },
  /** Another purpose than the one granted. */
  WrongPurpose: { code: "PURPOSE_MISMATCH", clause: 3 },
  /** Before `notBefore`. */
  NotYetValid: { code: "GRANT_NOT_YET_VALID", clause: 4 },
  /** At `expiry` or later. */
  Expired: { code: "GRANT_EXPIRED", clause: 4 },
  /** The bytes or the work would leave the region. */
  WrongRegion: { code: "REGION_MISMATCH", clause: 5 },
  /** `maxRuns` permits are reserved or used. */
  RunsExhausted: { code: "RUNS_EXHAUSTED", clause: 4 },
  /** `maxTickets` would be passed. */
  TicketsExhausted: { code: "TICKETS_EXHAUSTED", clause: 4 },
  /** `rateMax` permits were issued in this window. */
  RateExceeded: { code: "RATE_EXCEEDED", clause: 4 },
  /** Epsilon or delta would be passed. */
  BudgetExhausted: { code: "BUDGET_EXHAUSTED", clause: 6 },
  /** `exactReleases` would be passed. */
  ReleasesExhausted: { code: "RELEASES_EXHAUSTED", clause: 6 },
  /** A withdrawal or a changed consent bars this version. */
  VersionBarred: { code: "VERSION_BARRED", clause: 8 },
  /** Not the version that the grant follows or pins. */
  VersionMismatch: { code: "VERSION_MISMATCH", clause: 2 },
  /** A program outside the grant's list. */
  AlgorithmNotAllowed: { code: "ALGORITHM_NOT_ALLOWED", clause: 2 },
} as const satisfies Record<RefusalReason, { code: string; clause: number }>;

/** For a dataset that was withdrawn for good; the contract does not tell it from a suspended one. */
export const datasetWithdrawn = { code: "DATASET_WITHDRAWN", clause: 2 } as const;

export type RefusalCode = (typeof refusalCodes)[RefusalReason]["code"] | typeof datasetWithdrawn.code;
