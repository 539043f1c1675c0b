import type { JsonRpcApiProvider } from "ethers";
import { checkedLogs, type RawLog, type ReceiptsCheck } from "./block-receipts.ts";
import { type ChainBlock, toChainBlock } from "./chain-block.ts";
import { ChainReadError, fail } from "./chain-read-error.ts";
import { checkHeader } from "./header-hash.ts";
import { mayContain } from "./logs-bloom.ts";

/** A chain read block by block. Every method throws `ChainReadError` when the node fails or says what cannot be true. */
export interface BlockReader {
  chainId(): Promise<bigint>;
  head(): Promise<ChainBlock>;
  /** The newest final block; undefined while there is none. */
  finalized(): Promise<ChainBlock | undefined>;
  /** The block at a height on the node's present chain; undefined above its head. */
  blockAt(number: number): Promise<ChainBlock | undefined>;
  /** The logs of `addresses` in exactly this block, in order; all of them or an error. */
  logsOf(block: ChainBlock, addresses: readonly string[]): Promise<RawLog[]>;
}

export type BlockReaderOptions = {
  /** Default `root`, which also checks that the header's fields give the block's hash. */
  readonly check?: ReceiptsCheck;
};

/**
 * Reads a node so that a wrong page is noticed. Logs come by block hash, unfiltered (a server-side filter cannot be
 * checked), and must be exactly those that the header commits to. A block whose bloom rules our contracts out costs no
 * call; the others one `eth_getBlockReceipts`, or, on nodes without it, one call for each transaction.
 */
export function openBlockReader(
  provider: Pick<JsonRpcApiProvider, "send">,
  { check = "root" }: BlockReaderOptions = {},
): BlockReader {
  const call = async (method: string, ...params: unknown[]): Promise<unknown> => {
    try {
      return await provider.send(method, params);
    } catch (cause) {
      throw new ChainReadError("NODE_FAILED", { cause });
    }
  };
  const block = async (at: string): Promise<ChainBlock | undefined> => {
    const raw = await call("eth_getBlockByNumber", at, false);
    if (raw === null || raw === undefined) return undefined;
    const parsed = toChainBlock(raw);
    if (check === "root") checkHeader(raw);
    return parsed;
  };
  const receiptsOf = receiptsReader(call);
  return {
    chainId: async () => BigInt(String(await call("eth_chainId"))),
    head: async () => (await block("latest")) ?? fail("FIELD_MISSING"),
    finalized: () => block("finalized"),
    blockAt: async (number) => {
      const found = await block(`0x${number.toString(16)}`);
      if (found && found.number !== number) return fail("FIELD_MISSING");
      return found;
    },
    logsOf: async (of, addresses) => {
      if (!addresses.some((address) => mayContain(of.logsBloom, address))) return [];
      const receipts = await receiptsOf(of);
      if (receipts === null || receipts === undefined) return fail("BLOCK_GONE");
      const ours = new Set(addresses.map((address) => address.toLowerCase()));
      const logs = await checkedLogs(of, receipts, check);
      return logs.filter((log) => ours.has(log.address));
    },
  };
}

type Call = (method: string, ...params: unknown[]) => Promise<unknown>;

/** Receipts of a block by its hash; once a node has said that it lacks `eth_getBlockReceipts`, by transaction. */
function receiptsReader(call: Call): (block: ChainBlock) => Promise<unknown> {
  let byTransaction = false;
  return async ({ hash, transactions }) => {
    if (!byTransaction) {
      try {
        return await call("eth_getBlockReceipts", hash);
      } catch (error) {
        if (!isMethodMissing(error)) throw error;
        byTransaction = true;
      }
    }
    const receipts: unknown[] = [];
    for (let at = 0; at < transactions.length; at += atOnce) {
      const some = transactions.slice(at, at + atOnce);
      const page = await Promise.all(some.map((each) => call("eth_getTransactionReceipt", each)));
      if (page.includes(null)) return null;
      receipts.push(...page);
    }
    return receipts;
  };
}

const atOnce = 50;

/** JSON-RPC's "method not found", wherever ethers has put it. */
function isMethodMissing(error: unknown): boolean {
  const cause = (error as { cause?: unknown }).cause as
    | { code?: unknown; error?: { code?: unknown }; info?: { error?: { code?: unknown } } }
    | undefined;
  const codes = [cause?.code, cause?.error?.code, cause?.info?.error?.code];
  return codes.includes(-32601) || codes.includes("UNSUPPORTED_OPERATION");
}
