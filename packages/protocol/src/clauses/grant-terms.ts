/**
 * A grant as the contract holds it: TypeScript twins of the structs in `contracts/src/types/GrantTypes.sol`.
 *
 * Integers up to `uint32` are numbers, wider ones bigints. Times are Unix seconds, amounts are in the fee token's
 * smallest unit, 32-byte values are lower-case hex.
 */
import type { Address, AlgorithmId, DatasetId, Digest } from "../ids.ts";

/** Life of a grant; revocation by epoch shows as `Revoked` too. Values are the contract's. */
export const GrantState = { None: 0, Requested: 1, Granted: 2, Declined: 3, Revoked: 4 } as const;
export type GrantState = (typeof GrantState)[keyof typeof GrantState];

/** Clause 7: where the opened result may go. Values are the contract's. */
export const OutputPolicy = { None: 0, OwnerOnly: 1, ReencryptToGrantee: 2, MultiKey: 3 } as const;
export type OutputPolicy = (typeof OutputPolicy)[keyof typeof OutputPolicy];

/** Which versions of a dataset a grant is for. Values are the contract's. */
export const VersionPolicy = { None: 0, Follow: 1, Pin: 2 } as const;
export type VersionPolicy = (typeof VersionPolicy)[keyof typeof VersionPolicy];

/** The ten clauses of a grant, numbered as DESIGN.md section 4 numbers them. */
export type Clauses = {
  /** 1: identity token of the grantee. */
  readonly sbtId: bigint;
  /** 1: who may use the grant. */
  readonly grantee: Address;
  /** 2 */
  readonly datasetId: DatasetId;
  /** 2: bits of `Op`. */
  readonly opMask: number;
  /** 2: programs that permits may run; empty means any approved one. */
  readonly allowedAlgorithms: readonly AlgorithmId[];
  /** 3 */
  readonly purposeHash: Digest;
  /** 4: inclusive. */
  readonly notBefore: bigint;
  /** 4: exclusive. */
  readonly expiry: bigint;
  /** 4: permits, reserved and used together. */
  readonly maxRuns: number;
  /** 4: READ and EXPORT tickets. */
  readonly maxTickets: number;
  /** 4: permits per window; 0 means no limit. */
  readonly rateMax: number;
  /** 4: seconds; windows are counted from `notBefore`. */
  readonly rateWindow: number;
  /** 5: zeros mean any region. */
  readonly regionCode: Digest;
  /** 6: epsilon in 1e-6. */
  readonly epsilonMicro: bigint;
  /** 6: delta in 1e-9. */
  readonly deltaNano: bigint;
  /** 6: releases without noise. */
  readonly exactReleases: number;
  /** 7 */
  readonly outputPolicy: OutputPolicy;
  /** 7: hash of the output terms that both sides agreed to. */
  readonly termsHash: Digest;
  /** 8 */
  readonly versionPolicy: VersionPolicy;
  /** 8: 0 unless pinned. */
  readonly pinnedVersion: number;
  /** 8: seconds within which cancelling or revoking costs nothing. */
  readonly graceSeconds: number;
  /** 9: ticket uses are logged one by one, never batched. */
  readonly auditEachUse: boolean;
  /** 10: zero address when `feePerUse` is 0. */
  readonly feeToken: Address;
  /** 10 */
  readonly feePerUse: bigint;
  /** 10: kept by the operator after the grace period; at most `feePerUse`. */
  readonly workFee: bigint;
  /** 10: basis points of `feePerUse` to the operator. */
  readonly computeBps: number;
  /** 10: basis points of `feePerUse` to the program's author; the rest is the data share. */
  readonly authorBps: number;
  /** Permits need no further act of the owner. */
  readonly autoAuthorise: boolean;
};

/** What a grant has spent. Reserved: permits under way; used: permits that took effect. */
export type Counters = {
  readonly runsReserved: number;
  readonly runsUsed: number;
  readonly ticketsReserved: number;
  readonly rateCount: number;
  readonly rateIndex: bigint;
  readonly epsilonReserved: bigint;
  readonly epsilonUsed: bigint;
  readonly deltaReserved: bigint;
  readonly deltaUsed: bigint;
  readonly releasesReserved: number;
  readonly releasesUsed: number;
};

export const noCounters: Counters = {
  runsReserved: 0,
  runsUsed: 0,
  ticketsReserved: 0,
  rateCount: 0,
  rateIndex: 0n,
  epsilonReserved: 0n,
  epsilonUsed: 0n,
  deltaReserved: 0n,
  deltaUsed: 0n,
  releasesReserved: 0,
  releasesUsed: 0,
};

/** What the rules need to know besides clauses and counters. */
export type Facts = {
  readonly state: GrantState;
  readonly identityLive: boolean;
  readonly datasetLive: boolean;
  readonly latestVersion: number;
  readonly barrierVersion: number;
};

/** A question. `version` 0 or `algorithmId` zero skips its rule: a question without a job. */
export type Query = {
  readonly grantee: Address;
  readonly op: number;
  readonly purposeHash: Digest;
  readonly regionCode: Digest;
  readonly at: bigint;
  /** Asked for at once, when `op` holds READ or EXPORT. */
  readonly tickets: number;
  readonly epsilonMicro: bigint;
  readonly deltaNano: bigint;
  readonly exactReleases: number;
  readonly version: number;
  readonly algorithmId: AlgorithmId;
};
