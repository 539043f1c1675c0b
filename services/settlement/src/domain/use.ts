import type { Address, Digest } from "@cos/protocol";

/** One use of a grant, as `UsageLog` records it. `usedAt`: Unix seconds; grant `0` is an owner's own use. */
export type Use = {
  /** The ticket's id. */
  readonly useId: Digest;
  readonly grantId: string;
  readonly datasetId: string;
  readonly grantee: Address;
  readonly op: number;
  readonly purposeHash: Digest;
  readonly usedAt: number;
};
