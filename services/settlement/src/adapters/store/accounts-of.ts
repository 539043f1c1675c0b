import { type ChainLog, toHex } from "../../domain/chain-log.ts";

/** Whose money a log of the fee ledger moves. */
export function accountsOf({ fact }: ChainLog): readonly string[] {
  switch (fact.$case) {
    case "feeLocked":
      return [toHex(fact.value.payer)];
    case "credited":
    case "withdrawn":
      return [toHex(fact.value.account)];
    default:
      return [];
  }
}
