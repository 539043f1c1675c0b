import { type BlockLink, linkedPrefix } from "../domain/mirror-cursor.ts";
import type { ChainReader, MirroredBlock } from "./chain-reader.ts";

export type ReadAhead = {
  /** Blocks in one go at most. */
  readonly batch: number;
  /** No further block is begun once those read carry so many logs. */
  readonly maxLogs: number;
  /** Blocks asked for at once. */
  readonly fetchers: number;
};

type Tip = { readonly number: number; readonly hash: string };

/**
 * The next blocks with their logs, linked to `tip` by parent hash. The first block that is missing, that a node mixed in
 * from elsewhere, or whose page failed ends the list.
 * @throws what the reader threw, when it was the very first block that failed
 */
export async function readBlocks<B extends BlockLink>(
  reader: ChainReader<B>,
  tip: Tip,
  head: number,
  { batch, maxLogs, fetchers }: ReadAhead,
): Promise<readonly MirroredBlock[]> {
  const count = Math.max(0, Math.min(batch, head - tip.number));
  const found: (MirroredBlock | undefined)[] = [];
  const failures: unknown[] = [];
  let begun = 0;
  let logs = 0;
  let ended = false;
  const fetchOn = async (): Promise<void> => {
    while (!ended && begun < count && logs < maxLogs) {
      const at = begun++;
      try {
        const block = await readBlock(reader, tip.number + 1 + at);
        found[at] = block;
        logs += block?.logs.length ?? 0;
        if (!block) ended = true;
      } catch (error) {
        failures[at] = error;
        ended = true;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(fetchers, count) }, fetchOn));
  if (failures[0] !== undefined) throw failures[0];
  const gap = Array.from({ length: begun }, (_, at) => found[at]).indexOf(undefined);
  return linkedPrefix(tip, found.slice(0, gap === -1 ? begun : gap) as MirroredBlock[]);
}

async function readBlock<B extends BlockLink>(
  reader: ChainReader<B>,
  at: number,
): Promise<MirroredBlock | undefined> {
  const block = await reader.blockAt(at);
  if (!block) return undefined;
  const { number, hash, parentHash, time } = block;
  return { number, hash, parentHash, time, logs: await reader.logsOf(block) };
}

/**
 * Reads one batch while the one before it is being stored. It holds one batch at most, and gives it only to a mirror
 * whose tip is still the block that the batch follows.
 */
export class BlocksAhead<B extends BlockLink> {
  readonly #reader: ChainReader<B>;
  readonly #options: ReadAhead;
  #ahead: { readonly after: string; readonly blocks: Promise<readonly MirroredBlock[]> } | undefined;

  constructor(reader: ChainReader<B>, options: ReadAhead) {
    this.#reader = reader;
    this.#options = options;
  }

  /** The blocks after `tip`: those read ahead, or, where that failed or follows another block, freshly read. */
  async take(tip: Tip, head: number): Promise<readonly MirroredBlock[]> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    if (ahead?.after === tip.hash) {
      const blocks = await ahead.blocks;
      if (blocks.length > 0) return blocks;
    }
    return readBlocks(this.#reader, tip, head, this.#options);
  }

  /** Begins to read what follows `tip`, if the head is beyond it. A failure shows when it is read again. */
  begin(tip: Tip, head: number): void {
    if (head <= tip.number) return;
    const blocks = readBlocks(this.#reader, tip, head, this.#options).catch(() => []);
    this.#ahead = { after: tip.hash, blocks };
  }
}
