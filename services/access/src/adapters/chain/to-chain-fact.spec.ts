import { type ContractName, contractNames, eventDecoder, interfaceOf } from "@cos/chain";
import type { EventFragment, ParamType } from "ethers";
import { describe, expect, it } from "vitest";
import { toChainFact } from "./to-chain-fact.ts";

/** Events without a business fact: the mirror keeps them by name only. */
const withoutFact = new Set([
  "Locked",
  "Unlocked",
  "EIP712DomainChanged",
  "Transfer",
  "Approval",
  "ApprovalForAll",
  "DidCommitmentChanged",
  "GuardiansSet",
  "RecoveryApproved",
  "RecoveryScheduled",
  "RecoveryVetoed",
  "TokenAllowed",
]);
const silentContracts = new Set<ContractName>(["Authority", "ContractRegistry", "CreditToken"]);

/** A value that is not its type's default; 1 is a name in every enum of the contracts. */
function sample(type: ParamType): unknown {
  if (type.baseType === "array") return [sample(type.arrayChildren as ParamType)];
  if (type.baseType === "tuple") return (type.components ?? []).map(sample);
  if (type.type.startsWith("uint")) return 1n;
  if (type.type.startsWith("bytes32")) return `0x${"ab".repeat(32)}`;
  return { address: `0x${"cd".repeat(20)}`, bool: true, string: "text" }[type.type];
}

const decodedSample = (contract: ContractName, fragment: EventFragment) => {
  const log = interfaceOf(contract).encodeEventLog(fragment, fragment.inputs.map(sample));
  return { contract, event: eventDecoder(contract)(log) };
};

const eventsOf = (
  contract: ContractName,
): [name: string, contract: ContractName, fragment: EventFragment][] => {
  const fragments: [string, ContractName, EventFragment][] = [];
  interfaceOf(contract).forEachEvent((fragment) => {
    fragments.push([`${contract}.${fragment.name}`, contract, fragment]);
  });
  return fragments;
};
const events = contractNames.filter((name) => !silentContracts.has(name)).flatMap(eventsOf);

/** Paths of fields that still have the wire's default: a name misspelt reads as one. */
function defaults(value: unknown, path: string): string[] {
  if (value instanceof Uint8Array) return value.length === 20 || value.length === 32 ? [] : [path];
  if (Array.isArray(value))
    return value.length === 0 ? [path] : value.flatMap((each) => defaults(each, path));
  if (typeof value === "object" && value !== null) {
    return Object.entries(value).flatMap(([name, inner]) => defaults(inner, `${path}.${name}`));
  }
  return value === "" || value === 0 || value === 0n || value === false || String(value).includes("undefined")
    ? [path]
    : [];
}

describe("toChainFact", () => {
  it.each(events.filter(([, , { name }]) => !withoutFact.has(name)))(
    "carries every field of %s",
    (_name, contract, fragment) => {
      const fact = toChainFact(decodedSample(contract, fragment));
      expect(fact.$case).not.toBe("otherLog");
      expect(defaults(fact.value, fact.$case)).toEqual([]);
    },
  );

  it.each(events.filter(([, , { name }]) => withoutFact.has(name)))(
    "keeps %s by name",
    (_name, contract, fragment) => {
      expect(toChainFact(decodedSample(contract, fragment))).toEqual({
        $case: "otherLog",
        value: { name: fragment.name },
      });
    },
  );

  it("keeps a log that the ABI does not know", () => {
    expect(toChainFact({ contract: "JobPermits", event: null })).toEqual({
      $case: "otherLog",
      value: { name: "" },
    });
  });

  it("refuses an enum value of a later contract, rather than guess", () => {
    const fragment = interfaceOf("DatasetRegistry").getEvent("DatasetStatusChanged") as EventFragment;
    const log = interfaceOf("DatasetRegistry").encodeEventLog(fragment, [1, 9]);
    const event = eventDecoder("DatasetRegistry")(log);
    expect(() => toChainFact({ contract: "DatasetRegistry", event })).toThrow(RangeError);
  });
});
