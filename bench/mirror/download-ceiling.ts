import type { BusyChain } from "./busy-chain.ts";

/** Downloads and parses the headers and receipts that a mirror needs, eight blocks at once, and drops them. */
export async function downloadCeiling({ rpcUrl, firstBlock, lastBlock }: BusyChain): Promise<void> {
  const ask = async (method: string, params: unknown[]): Promise<{ hash?: string }> => {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const headers = { "content-type": "application/json" };
    const answer = await fetch(rpcUrl, { method: "POST", headers, body });
    return ((await answer.json()) as { result: { hash?: string } }).result;
  };
  let next = firstBlock;
  const fetchOn = async (): Promise<void> => {
    while (next <= lastBlock) {
      const block = await ask("eth_getBlockByNumber", [`0x${(next++).toString(16)}`, false]);
      await ask("eth_getBlockReceipts", [block.hash]);
    }
  };
  await Promise.all(Array.from({ length: 8 }, fetchOn));
}
