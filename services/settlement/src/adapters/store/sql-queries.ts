import type { Intent } from "@cos/chain";
import { ChainEvent } from "@cos/proto/chain";
import type { Address, PermitId } from "@cos/protocol";
import type { Db } from "@cos/store";
import type { SettlementQueries } from "../../app/statements.ts";
import { toChainLog } from "../../domain/chain-log.ts";
import { fromBigJson } from "./big-json.ts";

/** Reads of the service's schema. */
export const sqlSettlementQueries = (db: Db): SettlementQueries => ({
  ledgerOf: async (account) => {
    const { rows } = await db.query<{ event: Buffer }>(
      `SELECT event FROM chain_log WHERE transaction_hash IN
         (SELECT transaction_hash FROM chain_log WHERE accounts @> ARRAY[$1]::text[])
       ORDER BY block_number, log_index`,
      [account],
    );
    return rows.map(({ event }) => toChainLog(ChainEvent.decode(event)));
  },

  locks: async (keys) => {
    const { rows } = await db.query<{ key: string; permit_id: string; is_bond: boolean }>(
      "SELECT key, permit_id, is_bond FROM permit_lock WHERE key = ANY ($1)",
      [keys],
    );
    return new Map(
      rows.map((row) => [row.key, { permitId: row.permit_id as PermitId, isBond: row.is_bond }] as const),
    );
  },

  intents: async (state) => {
    const { rows } = await db.query<{
      business_id: string;
      intent: unknown;
      failure_facts: Record<string, string>;
      broadcasts: number;
      updated_at: bigint;
    }>(
      `SELECT business_id, intent, failure_facts, broadcasts, updated_at FROM intent
       WHERE $1 = '' OR state = $1 ORDER BY id DESC LIMIT 1000`,
      [state],
    );
    return rows.map((row) => {
      const intent = fromBigJson<Intent>(row.intent);
      const { failure } = intent;
      return {
        businessId: row.business_id,
        state: intent.state,
        transactionHash: intent.mined?.transactionHash ?? intent.transactions.at(-1)?.hash ?? "",
        nonce: intent.nonce,
        broadcasts: row.broadcasts,
        failure: failure?.code === "SIMULATION_REVERTED" ? failure.reason : (failure?.code ?? ""),
        failureFacts: row.failure_facts,
        updatedAt: Number(row.updated_at),
      };
    });
  },
});

/** Intents as operators list them: `open` (neither final nor failed), `all`, or those of one state. */
export const listIntents = (db: Db) => async (state: string) => {
  const { rows } = await db.query<{
    business_id: string;
    signer: string;
    intent: unknown;
    broadcasts: number;
    updated_at: bigint;
  }>(
    `SELECT business_id, signer, intent, broadcasts, updated_at FROM intent
     WHERE $1 = 'all' OR state = $1 OR ($1 = 'open' AND state NOT IN ('final', 'failed'))
     ORDER BY id DESC LIMIT 1000`,
    [state],
  );
  return rows.map((row) => ({
    businessId: row.business_id,
    signer: row.signer as Address,
    intent: fromBigJson<Intent>(row.intent),
    broadcasts: row.broadcasts,
    updatedAt: Number(row.updated_at),
  }));
};

/** How many intents are in each state that is neither final nor failed. */
export async function openIntentCounts(db: Db): Promise<Record<string, number>> {
  const { rows } = await db.query<{ state: string; intents: bigint }>(
    "SELECT state, count(*) AS intents FROM intent WHERE state NOT IN ('final', 'failed') GROUP BY state",
  );
  return Object.fromEntries(rows.map(({ state, intents }) => [`intents.${state}`, Number(intents)]));
}
