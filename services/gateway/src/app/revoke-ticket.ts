import { type Address, type Digest, err, ok, type Result } from "@cos/protocol";
import { type Refusal, refusal } from "../domain/refusal.ts";
import type { Dependencies } from "./dependencies.ts";

/**
 * Makes a ticket useless, and the transfer that it bought, if any. Repeating it changes nothing.
 * @errors `NOT_FOUND` for an unknown ticket and for somebody else's: which of the two is nobody's business
 */
export async function revokeTicket(
  { db, repositories, now }: Pick<Dependencies, "db" | "repositories" | "now">,
  caller: Address,
  ticketId: Digest,
): Promise<Result<undefined, Refusal>> {
  return db.inTransaction(async (tx) => {
    const at = now();
    if (!(await repositories.tickets.revoke(tx, ticketId, caller, at))) {
      return err(refusal("NOT_FOUND", { ticketId }));
    }
    await repositories.transfers.closeByTicket(tx, ticketId, at);
    return ok(undefined);
  });
}
