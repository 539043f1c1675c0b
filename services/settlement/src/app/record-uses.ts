import { type Consumer, defineConsumer, done } from "@cos/messaging";
import type { TicketEvent } from "@cos/proto/gateway";
import { asAddress, asDigest } from "@cos/protocol";
import type { Tx } from "@cos/store";
import { ticketEvents } from "@cos/topics";
import { toHex } from "../domain/chain-log.ts";
import type { SettlementStore } from "./ports.ts";

/** Keeps redeemed tickets until they are recorded on chain. A ticket counts once, however often it is told. */
export const recordUses = (storeIn: (tx: Tx) => SettlementStore): Consumer<TicketEvent> =>
  defineConsumer({
    name: "settlement.record-uses",
    topic: ticketEvents,
    handle: async ({ ticketId, event }, _delivery, tx) => {
      if (event?.$case !== "ticketRedeemed") throw new TypeError("a ticket event without a known case");
      const { datasetId, grantId, grantee, opMask, redeemedAt } = event.value;
      await storeIn(tx).addUse({
        useId: asDigest(toHex(ticketId)),
        grantId,
        datasetId,
        grantee: asAddress(toHex(grantee)),
        op: opMask,
        usedAt: Number(redeemedAt),
      });
      return done;
    },
  });
