import { type BlockLink, cursorAt } from "../domain/mirror-cursor.ts";
import type { ChainReader } from "./chain-reader.ts";
import { NodeBehindError } from "./find-common-block.ts";
import { refold } from "./maintain-models.ts";
import { isSameState, type MirrorState, type MirrorStore } from "./mirror-store.ts";

/**
 * Takes blocks above `to` back: their published logs are retracted, and read models folded from what remains. A halt is
 * over with it.
 * @returns how many published logs were retracted; 0 when another mirror moved the cursor meanwhile
 */
export async function rollBack<B extends BlockLink>(
  reader: Pick<ChainReader<B>, "blockAt">,
  store: MirrorStore,
  known: MirrorState,
  to: number,
): Promise<number> {
  const hash = (await store.hashAt(to)) ?? (await reader.blockAt(to + 1))?.parentHash;
  if (hash === undefined) throw new NodeBehindError();
  return store.inTransaction(async (tx) => {
    if (!isSameState(await tx.lockCursor(), known)) return 0;
    const removed = await tx.removeAbove(to);
    await refold(
      tx,
      removed.map(({ log }) => log),
    );
    await tx.publish(known.chainId, removed, "live");
    await tx.saveCursor({ ...known, haltReason: "", cursor: cursorAt(known.cursor, { number: to, hash }) });
    return removed.length;
  });
}
