import { type BlockReader, type ChainBlock, type ContractAddresses, logDecoder } from "@cos/chain";
import type { ChainReader } from "../../app/chain-reader.ts";
import { toChainFact } from "./to-chain-fact.ts";

/** The chain as the mirror reads it: blocks with the decoded logs of one deployment's contracts. */
export function contractLogReader(
  blocks: BlockReader,
  addresses: ContractAddresses,
): ChainReader<ChainBlock> {
  const decode = logDecoder(addresses);
  const contracts = Object.values(addresses);
  return {
    chainId: () => blocks.chainId(),
    head: () => blocks.head(),
    finalized: () => blocks.finalized(),
    blockAt: (number) => blocks.blockAt(number),
    logsOf: async (block) => {
      const logs = await blocks.logsOf(block, contracts);
      return logs.flatMap(({ transactionHash, logIndex, ...log }) => {
        const decoded = decode(log);
        if (!decoded) return [];
        const { number: blockNumber, hash: blockHash, time: blockTime } = block;
        const fact = toChainFact(decoded);
        const { contract } = decoded;
        return [{ blockNumber, blockHash, blockTime, transactionHash, logIndex, contract, fact }];
      });
    },
  };
}
