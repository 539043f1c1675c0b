import { setTimeout as delay } from "node:timers/promises";
import type { BlockLink } from "../domain/mirror-cursor.ts";
import type { MirrorMonitor } from "./mirror-monitor.ts";
import type { MirrorStore } from "./mirror-store.ts";

/** A second node, independent of the mirror's own. Every method throws when it fails or contradicts itself. */
export interface ChainWitness {
  chainId(): Promise<bigint>;
  head(): Promise<BlockLink>;
  blockAt(number: number): Promise<BlockLink | undefined>;
  /** Every revocation of access in these blocks, both included. */
  revocations(fromBlock: number, toBlock: number): Promise<readonly LogPlace[]>;
}

/** Where a log stands. */
export type LogPlace = {
  readonly blockNumber: number;
  readonly blockHash: string;
  readonly logIndex: number;
};

export type WitnessOptions = {
  /** Blocks below the lower of the two heads at which both must name the same block: heads differ for moments. */
  readonly depth: number;
  /** Blocks that one node's head may be ahead of the other's. */
  readonly maxGapBlocks: number;
  /** How long the second node may be silent before its silence counts. */
  readonly maxSilenceSeconds: number;
  /** Unix seconds. */
  readonly now: () => number;
};

/** Blocks whose revocations are compared when the service starts, and in one look. */
const backlogBlocks = 10_000;
const lookBlocks = 1_000;

/**
 * Makes a look at the second node: does it tell the same chain, and has the mirror every revocation that it tells of?
 * Disagreement, or silence, means that nothing more is permitted; it refunds nothing and takes nothing back.
 * @returns the dispute as one line without a secret; undefined when they agree
 */
export function createWitnessCheck(
  witness: ChainWitness,
  store: Pick<MirrorStore, "state" | "hashAt" | "oldestBlock" | "hasLog">,
  monitor: Pick<MirrorMonitor, "read">,
  options: WitnessOptions,
): () => Promise<string | undefined> {
  const { depth, maxGapBlocks, maxSilenceSeconds, now } = options;
  let heardAt = now();
  let heard = false;
  let last: string | undefined = "the second node was not heard yet";
  let compared: number | undefined;

  /** @throws when the second node fails */
  const look = async (): Promise<string | undefined> => {
    const state = await store.state();
    const oldest = await store.oldestBlock();
    if (!state || oldest === undefined) return "nothing is mirrored yet";
    const [chainId, head] = await Promise.all([witness.chainId(), witness.head()]);
    if (chainId !== state.chainId) return `OTHER_CHAIN ${chainId} in place of ${state.chainId}`;
    const tip = state.cursor.mirrored.number;
    const ownHead = Math.max(monitor.read().head, tip);
    if (Math.abs(ownHead - head.number) > maxGapBlocks) return `HEADS_APART ${ownHead} and ${head.number}`;

    const common = Math.min(tip, head.number) - depth;
    if (common < oldest) return undefined;
    const [ours, theirs] = await Promise.all([store.hashAt(common), witness.blockAt(common)]);
    if (!theirs) throw new Error("the second node lacks a block below its head");
    if (ours !== theirs.hash) return `CHAINS_DIFFER at block ${common}`;

    compared ??= Math.max(oldest - 1, common - backlogBlocks);
    if (compared >= common) return undefined;
    const to = Math.min(common, compared + lookBlocks);
    for (const { blockNumber, blockHash, logIndex } of await witness.revocations(compared + 1, to)) {
      if (!(await store.hasLog(blockNumber, blockHash, logIndex)))
        return `REVOCATION_MISSED block ${blockNumber} log ${logIndex}`;
    }
    compared = to;
    return undefined;
  };

  return async () => {
    try {
      last = await look();
      heardAt = now();
      heard = true;
    } catch {
      if (!heard || now() - heardAt > maxSilenceSeconds) last = "SILENT the second node does not answer";
    }
    return last;
  };
}

/** Looks at the second node again and again until `signal` aborts. */
export async function watchWitness(
  deps: {
    readonly check: () => Promise<string | undefined>;
    readonly pollMs: number;
    readonly onVerdict: (dispute: string | undefined) => void;
  },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    deps.onVerdict(await deps.check().catch(() => "the mirror's rows cannot be read"));
    await delay(deps.pollMs, undefined, { signal }).catch(() => {});
  }
}
