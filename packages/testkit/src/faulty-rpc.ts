import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** One call of a JSON-RPC request, on its own or of a batch. */
export type RpcCall = { readonly id: unknown; readonly method: string; readonly params: readonly unknown[] };
/** What a node answers to one call. */
export type RpcAnswer = { readonly result: unknown } | { readonly error: { code: number; message: string } };
/** Asks a real node: the target, or another one. */
export type Forward = (url?: string) => Promise<RpcAnswer>;
/** Decides what a caller gets; a rule that throws `HangUp` closes the connection without an answer. */
export type RpcRule = (call: RpcCall, forward: Forward) => Promise<RpcAnswer>;

/** The connection is closed in the caller's face. */
export class HangUp extends Error {}

/** A node that fails or lies on demand, before a real one. */
export type FaultyRpc = {
  readonly url: string;
  /** Every call that came in, in order. */
  readonly calls: readonly RpcCall[];
  /** Sets what becomes of a method's calls, `*` for those without a rule of their own; undefined forwards them again. */
  rule(method: string, rule: RpcRule | undefined): void;
  /** Forwards everything again. */
  clear(): void;
  close(): Promise<void>;
};

/**
 * Starts an HTTP proxy before a JSON-RPC node. It forwards every call until a rule says otherwise.
 *
 *     rpc.rule("eth_sendRawTransaction", rules.loseAnswer());   // taken by the node, and the caller never hears of it
 *     rpc.rule("eth_getBlockReceipts", rules.change((page) => page.slice(1)));
 */
export async function startFaultyRpc(target: string): Promise<FaultyRpc> {
  const calls: RpcCall[] = [];
  const byMethod = new Map<string, RpcRule>();
  const answer = async (call: RpcCall): Promise<object> => {
    calls.push(call);
    const forward: Forward = (url = target) => ask(url, call);
    const rule = byMethod.get(call.method) ?? byMethod.get("*") ?? ((_call, on) => on());
    return { ...(await rule(call, forward)), jsonrpc: "2.0", id: call.id };
  };
  const server: Server = createServer((request, response) => {
    void serve(request, response, answer).catch(() => request.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    rule: (method, rule) => {
      if (rule) byMethod.set(method, rule);
      else byMethod.delete(method);
    },
    clear: () => byMethod.clear(),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Rules for what nodes do in the wild. */
export const rules = {
  /** Never reaches the node. */
  drop: (): RpcRule => async () => {
    throw new HangUp();
  },
  /** Reaches the node; its answer is lost. */
  loseAnswer: (): RpcRule => async (_call, forward) => {
    await forward();
    throw new HangUp();
  },
  late:
    (ms: number): RpcRule =>
    async (_call, forward) => {
      await delay(ms);
      return forward();
    },
  /** The node gets it twice; the caller hears the second answer. */
  twice: (): RpcRule => async (_call, forward) => {
    await forward();
    return forward();
  },
  fail:
    (message: string, code = -32_000): RpcRule =>
    async () => ({ error: { code, message } }),
  /** The node's result, changed on its way. */
  change:
    // biome-ignore lint/suspicious/noExplicitAny: a result is whatever the method gives
      (edit: (result: any, call: RpcCall) => unknown): RpcRule =>
      async (call, forward) => {
        const said = await forward();
        return "result" in said ? { result: edit(said.result, call) } : said;
      },
  /** Another node answers, as behind a load balancer. */
  otherNode:
    (url: string): RpcRule =>
    (_call, forward) =>
      forward(url),
  /** `first` for the first `times` calls, then the node itself. */
  first: (times: number, first: RpcRule): RpcRule => {
    let left = times;
    return (call, forward) => (left-- > 0 ? first(call, forward) : forward());
  },
  /** One rule after the other, call by call, over and over. */
  alternate: (...turns: readonly [RpcRule, ...RpcRule[]]): RpcRule => {
    let turn = 0;
    return (call, forward) => (turns[turn++ % turns.length] ?? turns[0])(call, forward);
  },
  forward: (): RpcRule => (_call, forward) => forward(),
} as const;

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  answer: (call: RpcCall) => Promise<object>,
): Promise<void> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  const body = JSON.parse(Buffer.concat(pieces).toString()) as RpcCall | RpcCall[];
  const said = Array.isArray(body) ? await Promise.all(body.map(answer)) : await answer(body);
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify(said));
}

async function ask(url: string, { method, params }: RpcCall): Promise<RpcAnswer> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  return (await response.json()) as RpcAnswer;
}
