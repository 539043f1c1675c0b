import { setTimeout as delay } from "node:timers/promises";
import { interfaceOf } from "@cos/chain";
import type { JsonRpcProvider } from "ethers";

/** When the blocks of a permit's life were first seen, by the clock of `performance.now()`. */
export type PermitLife = { issuedMs?: number; resultMs?: number };

export type BlockClock = {
  readonly lives: ReadonlyMap<string, PermitLife>;
  /** Resolves when so many of the permits have a result. @throws after `limitMs` */
  untilResults(permitIds: readonly string[], limitMs: number): Promise<void>;
  stop(): Promise<void>;
};

const lookEveryMs = 15;

/** Watches a chain's head, so that a permit's life is timed to the moment, not to the second that blocks carry. */
export async function startBlockClock(provider: JsonRpcProvider, jobPermits: string): Promise<BlockClock> {
  const lives = new Map<string, PermitLife>();
  const logs = interfaceOf("JobPermits");
  const changed = new EventTarget();
  let seen = await provider.getBlockNumber();
  let stopped = false;

  const look = async (): Promise<void> => {
    const head = Number(await provider.send("eth_blockNumber", []));
    if (head === seen) return;
    const atMs = performance.now();
    for (const log of await provider.getLogs({ address: jobPermits, fromBlock: seen + 1, toBlock: head })) {
      const event = logs.parseLog(log);
      if (event?.name !== "JobPermitIssued" && event?.name !== "JobResult") continue;
      const life = lives.get(event.args.permitId) ?? {};
      if (event.name === "JobPermitIssued") life.issuedMs ??= atMs;
      else life.resultMs ??= atMs;
      lives.set(event.args.permitId, life);
    }
    seen = head;
    changed.dispatchEvent(new Event("block"));
  };
  const watching = (async () => {
    while (!stopped) {
      await look().catch(() => {}); // the next look sees what this one missed
      await delay(lookEveryMs);
    }
  })();

  return {
    lives,
    untilResults: async (permitIds, limitMs) => {
      const until = performance.now() + limitMs;
      const open = () => permitIds.filter((id) => lives.get(id)?.resultMs === undefined).length;
      while (open() > 0) {
        if (performance.now() > until)
          throw new Error(`${open()} of ${permitIds.length} jobs without a result`);
        const woken = new AbortController();
        changed.addEventListener("block", () => woken.abort(), { once: true, signal: woken.signal });
        await delay(1_000, undefined, { signal: woken.signal }).catch(() => {});
        woken.abort();
      }
    },
    stop: async () => {
      stopped = true;
      await watching;
    },
  };
}
