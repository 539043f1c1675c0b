import { Interface, type LogDescription } from "ethers";
import { type ContractName, contractArtifacts, contractNames } from "./contract-names.ts";
import type { ContractAddresses } from "./deployment.ts";

/** A log of one of our contracts; `event` is null where the ABI does not know it. */
export interface DecodedLog {
  readonly contract: ContractName;
  readonly event: LogDescription | null;
}

const interfaces = Object.fromEntries(
  contractNames.map((name) => [name, new Interface(contractArtifacts[name].abi)]),
) as Record<ContractName, Interface>;

/** The ABI of a contract as ethers parses it. */
export const interfaceOf = (name: ContractName): Interface => interfaces[name];

/** Decodes logs of one deployment. Logs of other contracts give undefined. */
export function logDecoder(addresses: ContractAddresses) {
  const byAddress = new Map(contractNames.map((name) => [addresses[name].toLowerCase(), name]));
  return (log: { address: string; topics: readonly string[]; data: string }): DecodedLog | undefined => {
    const contract = byAddress.get(log.address.toLowerCase());
    if (contract === undefined) return undefined;
    return { contract, event: interfaces[contract].parseLog(log) };
  };
}
