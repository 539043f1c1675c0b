import type { Address, PermitId } from "@cos/protocol";
import type { ChainLog } from "../domain/chain-log.ts";
import { balancesOf, type StatementLine, toStatement } from "../domain/statement.ts";

/** Reads for statements and lists. */
export interface SettlementQueries {
  /** Every kept log of the transactions that moved the account's money, in block order. */
  ledgerOf(account: Address): Promise<readonly ChainLog[]>;
  /** Which permit each lock belongs to. */
  locks(
    keys: readonly string[],
  ): Promise<ReadonlyMap<string, { readonly permitId: PermitId; readonly isBond: boolean }>>;
  intents(state: string): Promise<readonly IntentSummary[]>;
}

export type IntentSummary = {
  readonly businessId: string;
  readonly state: string;
  /** Hex; empty before it was signed. */
  readonly transactionHash: string;
  readonly nonce: number | undefined;
  readonly broadcasts: number;
  readonly failure: string;
  readonly failureFacts: Readonly<Record<string, string>>;
  /** Unix seconds. */
  readonly updatedAt: number;
};

export type Statement = {
  readonly lines: readonly StatementLine[];
  readonly balances: ReadonlyMap<Address, bigint>;
};

/** What an account paid, earned and was refunded, and what it may withdraw, from the mirrored chain. */
export const statementOf =
  (queries: SettlementQueries) =>
  async (account: Address): Promise<Statement> => {
    const logs = await queries.ledgerOf(account);
    const keys = logs.flatMap(({ fact }) =>
      fact.$case === "feeLocked" || fact.$case === "credited"
        ? [`0x${Buffer.from(fact.value.key).toString("hex")}`]
        : [],
    );
    const locks = await queries.locks([...new Set(keys)]);
    const lines = toStatement(logs, (key) => locks.get(key)).filter((line) => line.account === account);
    return { lines, balances: balancesOf(lines) };
  };
