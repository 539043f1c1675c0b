import type { Address, DatasetId, Digest } from "../ids.ts";
import type { PermitStateName } from "./permit-state.ts";

/** One dataset of a permit: what its owner is paid on release, and whether its part was released. */
export type PermitItem = {
  readonly datasetId: DatasetId;
  readonly dataShare: bigint;
  readonly released: boolean;
};

/**
 * What the permit table looks at. Times are Unix seconds, amounts the fee token's smallest unit; times that are not
 * known yet are 0. The fee that was locked is `compute + author` plus every data share.
 */
export type PermitFacts = {
  readonly state: PermitStateName;
  readonly grantee: Address;
  readonly operator: Address;
  readonly expiry: bigint;
  /** First second at which cancelling or revoking costs the work fee. */
  readonly graceEnds: bigint;
  readonly challengeWindow: bigint;
  readonly releaseWindow: bigint;
  /** Set when posted. */
  readonly challengeEnds: bigint;
  /** Set when challenged. */
  readonly ruleBy: bigint;
  /** Set when accepted. */
  readonly releaseBy: bigint;
  /** Matching attestations that shorten the challenge window; 0: none do. */
  readonly replicas: number;
  readonly attestations: number;
  readonly resultCommitment: Digest | undefined;
  readonly challenger: Address | undefined;
  readonly bond: bigint;
  readonly compute: bigint;
  readonly author: bigint;
  /** Part of the fee that the operator keeps when the permit ends after the grace period. */
  readonly work: bigint;
  readonly items: readonly PermitItem[];
};

/** The fee that is locked while the permit is under way. */
export const feeOf = (permit: PermitFacts): bigint =>
  permit.items.reduce((sum, item) => sum + item.dataShare, permit.compute + permit.author);
