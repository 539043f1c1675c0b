import * as chain from "@cos/chain";
import type { CosClient } from "@cos/client";
import { type Result as AbiResult, Interface, type InterfaceAbi, type ParamType } from "ethers";
import type { FieldSightings } from "./field-sightings.ts";

const abis: Readonly<Record<string, InterfaceAbi>> = {
  Authority: chain.authorityAbi,
  IdentitySBT: chain.identitySbtAbi,
  DatasetRegistry: chain.datasetRegistryAbi,
  AccessACL: chain.accessAclAbi,
  UsageLog: chain.usageLogAbi,
  AlgorithmRegistry: chain.algorithmRegistryAbi,
  JobPermits: chain.jobPermitsAbi,
  Settlement: chain.settlementAbi,
  RegionOracle: chain.regionOracleAbi,
  CreditToken: chain.creditTokenAbi,
};

/**
 * Reads every block and notes each field of each call and each log of the platform's contracts, and what every
 * transaction shows of its sender. Deployment happened before any hospital came and is left out.
 */
export async function chainSightings(client: CosClient, sightings: FieldSightings): Promise<void> {
  const contracts = new Map<string, { name: string; abi: Interface }>();
  for (const [name, address] of Object.entries(client.platform.chain.contracts)) {
    const abi = abis[name];
    if (abi !== undefined) contracts.set(address.toLowerCase(), { name, abi: new Interface(abi) });
  }
  const { provider } = client.chain;
  const last = await provider.getBlockNumber();
  for (let number = 0; number <= last; number += 1) {
    const block = await provider.getBlock(number, true);
    for (const transaction of block?.prefetchedTransactions ?? []) {
      const to = contracts.get(transaction.to?.toLowerCase() ?? "");
      const call = to?.abi.parseTransaction({ data: transaction.data, value: transaction.value });
      if (to === undefined || !call) continue;
      const place = `${to.name}.${call.name}()`;
      for (const field of ["from", "nonce", "gasUsed", "blockTime"])
        sightings.add("chain", field, "each transaction");
      noteParameters(sightings, call.fragment.inputs, call.args, place);
    }
  }
  const logs = await provider.getLogs({ address: [...contracts.keys()], fromBlock: 0, toBlock: "latest" });
  for (const log of logs) {
    const from = contracts.get(log.address.toLowerCase());
    const event = from?.abi.parseLog(log);
    if (from === undefined || !event) continue;
    noteParameters(sightings, event.fragment.inputs, event.args, `${from.name}.${event.name}`);
  }
}

function noteParameters(
  sightings: FieldSightings,
  inputs: readonly ParamType[],
  values: AbiResult,
  place: string,
): void {
  for (const [i, input] of inputs.entries()) {
    const tuple = input.baseType === "array" ? input.arrayChildren : input;
    if (tuple?.baseType === "tuple" && tuple.components !== null) {
      noteParameters(sightings, tuple.components, values[i] as AbiResult, place);
    } else {
      sightings.add("chain", input.name || `argument ${i + 1}`, place);
    }
  }
}
