/** Life of a permit; the values are the contract's (`contracts/src/types/PermitTypes.sol`). */
export const PermitState = {
  None: 0,
  Issued: 1,
  Posted: 2,
  Challenged: 3,
  Accepted: 4,
  Released: 5,
  Lapsed: 6,
  Refunded: 7,
} as const;
export type PermitStateName = keyof typeof PermitState;

export const permitStates = Object.keys(PermitState) as PermitStateName[];

/** States that no call leaves. */
export const isFinalState = (state: PermitStateName): boolean =>
  state === "Released" || state === "Lapsed" || state === "Refunded";

/** Why a permit was refunded; the values are the contract's. */
export const RefundReason = {
  None: 0,
  Cancelled: 1,
  Revoked: 2,
  Expired: 3,
  Failed: 4,
  ChallengeUpheld: 5,
  RulingTimedOut: 6,
} as const;
export type RefundReasonName = keyof typeof RefundReason;
