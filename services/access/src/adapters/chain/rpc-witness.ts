import { type BlockReader, ChainReadError, type ContractAddresses, interfaceOf } from "@cos/chain";
import type { JsonRpcApiProvider } from "ethers";
import type { ChainWitness, LogPlace } from "../../app/watch-witness.ts";

/** A second node over JSON-RPC. Its logs are asked for by filter: what it leaves out, the first node still tells. */
export function rpcWitness(
  provider: Pick<JsonRpcApiProvider, "send">,
  blocks: BlockReader,
  addresses: ContractAddresses,
): ChainWitness {
  const acl = interfaceOf("AccessACL");
  const topics = ["Revoked", "AllRevoked"].map((name) => acl.getEvent(name)?.topicHash ?? "");
  return {
    chainId: () => blocks.chainId(),
    head: () => blocks.head(),
    blockAt: (number) => blocks.blockAt(number),
    revocations: async (fromBlock, toBlock) => {
      const filter = {
        address: addresses.AccessACL,
        topics: [topics],
        fromBlock: `0x${fromBlock.toString(16)}`,
        toBlock: `0x${toBlock.toString(16)}`,
      };
      const logs: unknown = await provider.send("eth_getLogs", [filter]);
      if (!Array.isArray(logs)) throw new ChainReadError("FIELD_MISSING");
      return logs.map(toPlace);
    },
  };
}

function toPlace(log: { blockNumber?: unknown; blockHash?: unknown; logIndex?: unknown }): LogPlace {
  const place = {
    blockNumber: Number(log.blockNumber),
    blockHash: String(log.blockHash).toLowerCase(),
    logIndex: Number(log.logIndex),
  };
  if (!Number.isSafeInteger(place.blockNumber) || !Number.isSafeInteger(place.logIndex))
    throw new ChainReadError("FIELD_MISSING");
  return place;
}
