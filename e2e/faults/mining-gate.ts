import { type FaultyRpc, startFaultyRpc } from "@cos/testkit";

/**
 * A way to anvil on which nobody sends transactions while the chain is reorganised. Anvil 1.7 loses a block for good, and
 * answers null for its number, when it mines one during `anvil_reorg`: a chain with a hole, which no node has.
 */
export type MiningGate = {
  readonly url: string;
  /** Runs `work` once all transactions on their way have been taken, and lets later ones wait. */
  alone(work: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
};

export async function openMiningGate(target: string): Promise<MiningGate> {
  const proxy: FaultyRpc = await startFaultyRpc(target);
  const sending = new Set<Promise<unknown>>();
  let closed: Promise<void> | undefined;
  for (const method of ["eth_sendRawTransaction", "evm_mine", "anvil_mine"]) {
    proxy.rule(method, async (_call, forward) => {
      while (closed !== undefined) await closed;
      const sent = forward();
      sending.add(sent);
      return sent.finally(() => sending.delete(sent));
    });
  }
  return {
    url: proxy.url,
    alone: async (work) => {
      while (closed !== undefined) await closed;
      const over = Promise.withResolvers<void>();
      closed = over.promise;
      try {
        await Promise.allSettled(sending);
        await work();
      } finally {
        closed = undefined;
        over.resolve();
      }
    },
    close: () => proxy.close(),
  };
}
