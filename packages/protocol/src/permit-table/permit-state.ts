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
