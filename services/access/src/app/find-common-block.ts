import type { BlockLink, MirrorCursor } from "../domain/mirror-cursor.ts";
import type { ChainReader } from "./chain-reader.ts";
import type { MirrorStore } from "./mirror-store.ts";

/** The node does not know a block below the head that it named: another node answered, which is behind. */
export class NodeBehindError extends Error {
  readonly code = "NODE_BEHIND";
}

/**
 * Height of the newest block that mirror and node share: the first mirrored height less one when they share none.
 * If a block is shared, so is every block before it, so steps back double and then halve: O(log depth) calls.
 * @throws NodeBehindError when a block that must exist is missing: what a node lacks proves no reorganisation
 */
export async function findCommonBlock<B extends BlockLink>(
  reader: ChainReader<B>,
  store: MirrorStore,
  { mirrored }: MirrorCursor,
  head: BlockLink,
): Promise<number> {
  const oldest = (await store.oldestBlock()) ?? mirrored.number + 1;
  // A node on the same chain that has not come as far.
  if (head.number < mirrored.number && (await store.hashAt(head.number)) === head.hash)
    throw new NodeBehindError();
  const isShared = async (number: number): Promise<boolean> => {
    if (number > head.number) return false;
    const [ours, theirs] = await Promise.all([store.hashAt(number), reader.blockAt(number)]);
    if (!theirs) throw new NodeBehindError();
    return ours === theirs.hash;
  };
  let different = mirrored.number + 1;
  let shared = oldest - 1;
  for (let step = 1; different - step > shared; step *= 2) {
    if (await isShared(different - step)) {
      shared = different - step;
      break;
    }
    different -= step;
  }
  while (different - shared > 1) {
    const middle = shared + Math.floor((different - shared) / 2);
    if (await isShared(middle)) shared = middle;
    else different = middle;
  }
  return shared;
}
