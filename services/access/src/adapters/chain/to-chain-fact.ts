import type { DecodedLog } from "@cos/chain";
import { ChainEvent } from "@cos/proto/chain";
import type { ChainFact } from "../../domain/chain-log.ts";
import { accessFacts } from "./facts/access-facts.ts";
import { ledgerFacts } from "./facts/ledger-facts.ts";
import { permitFacts } from "./facts/permit-facts.ts";
import type { PartialWire, Translations } from "./facts/read-args.ts";
import { registryFacts } from "./facts/registry-facts.ts";

const translations: Translations = { ...registryFacts, ...accessFacts, ...permitFacts, ...ledgerFacts };

/**
 * What a decoded log says, in the words of `cos.chain.v1`. Logs without a business fact (role changes, ERC-20 and
 * ERC-721 transfers, guardians) become `otherLog`, so that the mirror loses none.
 */
export function toChainFact({ contract, event }: DecodedLog): ChainFact {
  const name = event?.name ?? "";
  const translate = translations[`${contract}.${name}`];
  const fact: PartialWire =
    event && translate ? translate(event.args) : { $case: "otherLog", value: { name } };
  return ChainEvent.fromPartial({ event: fact } as object).event as ChainFact;
}
