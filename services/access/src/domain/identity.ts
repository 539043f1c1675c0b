import { type Address, asAddress } from "@cos/protocol";
import { type ChainLog, toHex } from "./chain-log.ts";

/** An identity token. `holder` is undefined once it was burned. */
export type Identity = { readonly sbtId: string; readonly holder: Address | undefined };

/** Folds one log into an identity; logs about other things leave it as it is. */
export function evolveIdentity(state: Identity | undefined, { fact }: ChainLog): Identity | undefined {
  switch (fact.$case) {
    case "identityMinted":
    case "identityRecovered":
      return { sbtId: fact.value.sbtId, holder: asAddress(toHex(fact.value.holder)) };
    case "identityBurned":
      return { sbtId: fact.value.sbtId, holder: undefined };
    default:
      return state;
  }
}
