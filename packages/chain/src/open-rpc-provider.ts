import { FetchRequest, JsonRpcProvider } from "ethers";

export type RpcOptions = {
  /** EIP-155 chain id; left out, the node is asked. */
  readonly chainId?: number | bigint | undefined;
  /** A call that takes longer has failed; what it sent may have been taken. Default 10,000. */
  readonly timeoutMs?: number;
};

/**
 * A JSON-RPC provider that services use: answers are never cached, calls of one moment travel as one batch, and a node
 * that hangs fails after seconds in place of ethers' five minutes.
 */
export function openRpcProvider(
  url: string,
  { chainId, timeoutMs = 10_000 }: RpcOptions = {},
): JsonRpcProvider {
  const request = new FetchRequest(url);
  request.timeout = timeoutMs;
  return new JsonRpcProvider(request, chainId, {
    staticNetwork: chainId !== undefined,
    cacheTimeout: -1,
    batchStallTime: 0,
    batchMaxCount: 32,
  });
}
