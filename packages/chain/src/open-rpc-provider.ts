import { isTlsRefusal, tlsRefusalOf } from "@cos/tls";
import { JsonRpcProvider } from "ethers";

export type RpcOptions = {
  /** EIP-155 chain id; left out, the node is asked. */
  readonly chainId?: number | bigint | undefined;
  /** A call that takes longer has failed; what it sent may have been taken. Default 10,000. */
  readonly timeoutMs?: number;
  /** How https is spoken, where public authorities are not who certified the node. */
  readonly fetch?: typeof fetch | undefined;
};

/**
 * A JSON-RPC provider for services: answers are never cached, calls of one moment travel as one batch, a node that hangs
 * fails after seconds in place of ethers' five minutes, and nothing is tried again here: the loops above it do that.
 */
export function openRpcProvider(
  url: string,
  { chainId, timeoutMs = 10_000, fetch: call = fetch }: RpcOptions = {},
): JsonRpcProvider {
  return new FetchingProvider(url, chainId === undefined ? undefined : Number(chainId), timeoutMs, call);
}

/** ethers' provider over the platform's own `fetch`, whose parsing of a large answer is ten times cheaper. */
class FetchingProvider extends JsonRpcProvider {
  readonly #url: string;
  readonly #timeoutMs: number;
  readonly #fetch: typeof fetch;

  constructor(url: string, chainId: number | undefined, timeoutMs: number, call: typeof fetch) {
    super(url, chainId, {
      staticNetwork: chainId !== undefined,
      cacheTimeout: -1,
      batchStallTime: 0,
      batchMaxCount: 32,
    });
    this.#url = url;
    this.#timeoutMs = timeoutMs;
    this.#fetch = call;
  }

  override async _send(
    payload: Parameters<JsonRpcProvider["_send"]>[0],
  ): ReturnType<JsonRpcProvider["_send"]> {
    const call = this.#fetch;
    const response = await call(this.#url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(payload),
      signal: AbortSignal.timeout(this.#timeoutMs),
    }).catch((cause: unknown) => {
      throw isTlsRefusal(cause) ? new RpcUntrustedError(cause) : cause;
    });
    if (!response.ok) throw new RpcHttpError(response.status);
    const answer = (await response.json()) as Awaited<ReturnType<JsonRpcProvider["_send"]>>;
    return Array.isArray(answer) ? answer : [answer];
  }
}

/** The node answered with an HTTP error, such as 429 or 503. */
export class RpcHttpError extends Error {
  readonly code = "RPC_HTTP_ERROR";
  readonly status: number;
  constructor(status: number) {
    super(`the node answered with HTTP ${status}`);
    this.status = status;
  }
}

/** The node's certificate is not believed, or it speaks no TLS; asking again does not help. */
export class RpcUntrustedError extends Error {
  readonly code = "RPC_UNTRUSTED";
  constructor(cause: unknown) {
    super(`the node is not believed (${tlsRefusalOf(cause)})`, { cause });
    this.name = "RpcUntrustedError";
  }
}
