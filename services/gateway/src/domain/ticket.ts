import type { Address, DatasetId, Digest, GrantId, PermitId } from "@cos/protocol";

/** Seconds that a ticket lives: valid at 899 s, refused at exactly 900 s. */
export const ticketLifetimeSeconds = 900;

/** Seconds that a proof of possession may differ from the gateway's clock, either way. */
export const proofToleranceSeconds = 60;

/** What a ticket buys. */
export type TicketSubject =
  /** Storing encrypted objects, at most `maxBytes` of them. */
  | { readonly kind: "UPLOAD"; readonly maxBytes: number }
  /** A grantee's READ or EXPORT of one version of a dataset, counted against a session reserved on chain. */
  | {
      readonly kind: "DATASET";
      readonly datasetId: DatasetId;
      readonly version: number;
      readonly grantId: GrantId;
      readonly sessionId: Digest;
      readonly op: number;
      readonly purposeHash: Digest;
    }
  /** An owner's look at its own dataset. */
  | { readonly kind: "OWN_DATASET"; readonly datasetId: DatasetId; readonly version: number }
  /** The bundle, and for whom it is meant the ciphertexts, of a permit's result. */
  | { readonly kind: "RESULT"; readonly permitId: PermitId };

export type TicketKind = TicketSubject["kind"];

/** What the gateway signs. Times are Unix seconds; `expiresAt` is exclusive. */
export type Ticket = {
  readonly ticketId: Digest;
  /** Who may redeem it. */
  readonly holder: Address;
  /** The one gateway that honours it, by its public URL. */
  readonly audience: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly subject: TicketSubject;
};
