import { type Address, err, ok, type Result } from "@cos/protocol";
import { type Refusal, refusal } from "./refusal.ts";
import { proofToleranceSeconds, type Ticket } from "./ticket.ts";

/** A ticket whose signature is good, and what is known about whoever presents it. */
export type Presentation = {
  readonly ticket: Ticket;
  /** This gateway's public URL. */
  readonly audience: string;
  /** Whose session presents it. */
  readonly caller: Address;
  /** Whether the proof of possession was signed by the holder's key. */
  readonly holderProved: boolean;
  /** Unix seconds in the proof. */
  readonly proofIssuedAt: number;
  readonly revoked: boolean;
  readonly redeemed: boolean;
};

/**
 * Whether a ticket is honoured now. Who may see why it is refused: a stranger learns only that it is not his.
 *
 * @param now Unix seconds; expiry is exclusive
 * @errors `TICKET_WRONG_AUDIENCE`, `TICKET_NOT_YOURS`, `TICKET_PROOF_STALE`, `TICKET_EXPIRED`, `TICKET_REVOKED`,
 * `TICKET_REPLAYED`, tried in this order
 */
export function decideRedemption(shown: Presentation, now: number): Result<Ticket, Refusal> {
  const { ticket } = shown;
  if (ticket.audience !== shown.audience) {
    return err(refusal("TICKET_WRONG_AUDIENCE", { expected: shown.audience, actual: ticket.audience }));
  }
  if (shown.caller !== ticket.holder || !shown.holderProved) return err(refusal("TICKET_NOT_YOURS"));
  if (Math.abs(now - shown.proofIssuedAt) > proofToleranceSeconds) {
    return err(
      refusal("TICKET_PROOF_STALE", {
        issuedAt: shown.proofIssuedAt,
        now,
        toleranceSeconds: proofToleranceSeconds,
      }),
    );
  }
  if (now >= ticket.expiresAt) return err(refusal("TICKET_EXPIRED", { expiresAt: ticket.expiresAt, now }));
  if (shown.revoked) return err(refusal("TICKET_REVOKED", { ticketId: ticket.ticketId }));
  if (shown.redeemed) return err(refusal("TICKET_REPLAYED", { ticketId: ticket.ticketId }));
  return ok(ticket);
}
