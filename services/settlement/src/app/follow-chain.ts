import { type Consumer, defineConsumer, done } from "@cos/messaging";
import { type ChainEvent, Stage } from "@cos/proto/chain";
import { asDigest } from "@cos/protocol";
import type { Tx } from "@cos/store";
import { chainEvents } from "@cos/topics";
import { bondKeyOf } from "../domain/bond-key.ts";
import { type ChainLog, toChainLog, toHex } from "../domain/chain-log.ts";
import { doubtOf, evolvePermit, type PermitRecord, permitOf } from "../domain/permit-record.ts";
import type { SettlementStore } from "./ports.ts";

/** Wakes the settle loop of this process after a commit. */
export const newsChannel = "settlement.news";

/**
 * Keeps permits, grants' terms and the fee ledger from the mirrored chain. Logs are kept by their identity, and a permit
 * is folded from the logs that stand, so that a retraction undoes exactly what it retracts and a log that comes twice
 * counts once.
 */
export const followChain = (storeIn: (tx: Tx) => SettlementStore): Consumer<ChainEvent> =>
  defineConsumer({
    name: "settlement.follow-chain",
    topic: chainEvents,
    handle: async (event, _delivery, tx) => {
      const log = toChainLog(event);
      if (!isOfInterest(log)) return done;
      const store = storeIn(tx);
      switch (event.stage) {
        case Stage.STAGE_CONFIRMED:
          await store.addLog(log);
          await learn(store, log);
          break;
        case Stage.STAGE_RETRACTED:
          await store.removeLog(log);
          await learn(store, log);
          break;
        case Stage.STAGE_FINALIZED:
          return done;
        default:
          throw new RangeError(`a chain event at stage ${event.stage}`);
      }
      tx.notify(newsChannel);
      return done;
    },
  });

/** Works what a log says, or that it says it no longer, into what is kept. */
async function learn(store: SettlementStore, log: ChainLog): Promise<void> {
  const { fact } = log;
  const permitId = permitOf(log);
  if (permitId) {
    const logs = await store.logsOfPermit(permitId);
    await store.savePermit(permitId, logs.reduce<PermitRecord | undefined>(evolvePermit, undefined));
    if (fact.$case === "jobPermitIssued") await store.saveLocks(permitId, bondKeyOf(permitId));
  }
  if (fact.$case === "accessGranted") {
    const { grantId, purposeHash, auditEachUse } = fact.value;
    await store.saveGrantTerms(grantId, asDigest(toHex(purposeHash)), auditEachUse);
  }
  const doubt = doubtOf(log);
  if (doubt) await store.doubtPermits(doubt);
}

const ledger = new Set(["feeLocked", "credited", "withdrawn"]);

const isOfInterest = (log: ChainLog): boolean =>
  permitOf(log) !== undefined ||
  doubtOf(log) !== undefined ||
  ledger.has(log.fact.$case) ||
  log.fact.$case === "accessGranted";
