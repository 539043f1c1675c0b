import { type Address, decideNextTransaction } from "@cos/protocol";
import { eachApart } from "./each-apart.ts";
import type { GrantStandings, InTransaction, PermitRow, SettlementStore } from "./ports.ts";

export type DecideDeps = {
  readonly store: SettlementStore;
  readonly inTransaction: InTransaction;
  readonly standings: GrantStandings;
  /** Whose permits these are: the operator's own. */
  readonly operator: Address;
  /** Unix seconds. */
  readonly now: () => number;
  /** A call that failed is tried again after this long, even without news. */
  readonly retryAfterSeconds: number;
};

const batch = 100;

/** Turns what is known about permits into intents, each in one transaction with its permit's next wake-up. */
export async function decidePermits(deps: DecideDeps): Promise<void> {
  const due = await deps.store.permitsToDecide(deps.operator, deps.now(), batch);
  await eachApart(due, (row) => decidePermit(deps, row));
}

async function decidePermit(deps: DecideDeps, row: PermitRow): Promise<void> {
  const { inTransaction, standings, operator, now, retryAfterSeconds } = deps;
  const { record, outcome, doubted, revision } = row;
  const mayFall = doubted && record.state === "Issued";
  const live = mayFall ? await standings(record.grants) : true;
  const at = now();
  const next = decideNextTransaction(record, outcome, live, BigInt(at));
  await inTransaction(async (store) => {
    if (next.kind === "wait") {
      await store.decided(row, next.wakeAt === undefined ? undefined : Number(next.wakeAt), !live);
      return;
    }
    const call = {
      contract: "JobPermits",
      permitId: record.permitId,
      transaction: next.transaction,
    } as const;
    await store.addIntent(call, operator, revision, at, retryAfterSeconds);
    await store.decided(row, at + retryAfterSeconds, !live);
  });
}
