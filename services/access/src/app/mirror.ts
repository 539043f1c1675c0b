import { type BlockLink, decideRollback, haltText, publishableHeights } from "../domain/mirror-cursor.ts";
import type { ChainReader, MirroredBlock } from "./chain-reader.ts";
import { findCommonBlock } from "./find-common-block.ts";
import { applyConfirmed } from "./maintain-models.ts";
import {
  isSameState,
  type MirrorState,
  type MirrorStore,
  type MirrorTx,
  type PublishMode,
} from "./mirror-store.ts";
import { BlocksAhead, type ReadAhead } from "./read-blocks.ts";
import { rollBack } from "./roll-back.ts";

export type MirrorOptions = ReadAhead & {
  /** Blocks on top of a log's block before it counts as confirmed; 0 confirms the head itself. */
  readonly depth: number;
  /** Height of the first block to mirror: the deployment's. */
  readonly startBlock: number;
  /** Blocks behind the head from which published logs are marked `catchup`. */
  readonly catchUpBlocks: number;
};

/** How far a step saw. `synced`: the mirror has read everything up to the node's head. `headTime`: Unix seconds. */
type Sight = {
  readonly tip: number;
  readonly head: number;
  readonly headTime: number;
  readonly synced: boolean;
};

/** What one step of the mirror did. */
export type MirrorStep =
  | (Sight & { readonly did: "advanced"; readonly logs: number })
  | (Sight & { readonly did: "idle" })
  | { readonly did: "rolled-back"; readonly to: number; readonly retracted: number }
  | { readonly did: "halted"; readonly reason: string };

/** The node answers for another chain than the one that was mirrored: a wrong address, never a reorganisation. */
export class OtherChainError extends Error {
  readonly code = "OTHER_CHAIN";
}

/**
 * Makes the mirror's step: it reads the next blocks by parent hash, or goes back before a reorganisation. Mirror rows,
 * read models, cursor and outgoing messages of a step commit in one transaction, and only if no other mirror moved the
 * cursor meanwhile; a node that fails or contradicts itself throws, and nothing has happened. Steps run one at a time.
 */
export function createMirror<B extends BlockLink>(
  reader: ChainReader<B>,
  store: MirrorStore,
  options: MirrorOptions,
): () => Promise<MirrorStep> {
  const ahead = new BlocksAhead(reader, options);
  return async () => {
    const known = (await store.state()) ?? (await beginMirror(reader, store, options));
    if (!known) {
      const before = options.startBlock - 1;
      return { did: "idle", tip: before, head: before, headTime: 0, synced: false };
    }
    if (known.haltReason !== "") return { did: "halted", reason: known.haltReason };
    const head = await reader.head();
    if (await isReorganised(reader, store, known, head)) return goBack(reader, store, known, head);
    return goOn(reader, store, known, head, options, ahead);
  };
}

/** Sets the cursor before the first block; nothing while the chain is shorter than the deployment. */
async function beginMirror<B extends BlockLink>(
  reader: ChainReader<B>,
  store: MirrorStore,
  { startBlock }: MirrorOptions,
): Promise<MirrorState | undefined> {
  const [chainId, first] = await Promise.all([reader.chainId(), reader.blockAt(startBlock)]);
  if (!first) return undefined;
  const before = startBlock - 1;
  const cursor = {
    mirrored: { number: before, hash: first.parentHash },
    confirmedNumber: before,
    finalizedNumber: before,
  };
  return store.inTransaction(async (tx) => {
    const present = await tx.lockCursor();
    if (present) return present;
    const state = { chainId, cursor, haltReason: "" };
    await tx.saveCursor(state);
    return state;
  });
}

/** Whether the node's chain holds another block than the mirror at the mirror's tip, or at the node's lower head. */
async function isReorganised<B extends BlockLink>(
  reader: ChainReader<B>,
  store: MirrorStore,
  { cursor: { mirrored } }: MirrorState,
  head: BlockLink,
): Promise<boolean> {
  if (head.number < mirrored.number) {
    const ours = await store.hashAt(head.number);
    return ours !== undefined && ours !== head.hash;
  }
  if (head.number === mirrored.number) return head.hash !== mirrored.hash;
  if ((await store.oldestBlock()) === undefined) {
    const first = await reader.blockAt(mirrored.number + 1);
    return first !== undefined && first.parentHash !== mirrored.hash;
  }
  const there = await reader.blockAt(mirrored.number);
  return there !== undefined && there.hash !== mirrored.hash;
}

async function goOn<B extends BlockLink>(
  reader: ChainReader<B>,
  store: MirrorStore,
  known: MirrorState,
  head: BlockLink,
  options: MirrorOptions,
  ahead: BlocksAhead<B>,
): Promise<MirrorStep> {
  const { mirrored } = known.cursor;
  const blocks = await ahead.take(mirrored, head.number);
  const tip = blocks.at(-1) ?? mirrored;
  ahead.begin(tip, head.number);
  const chainFinalized = await finalHeight(reader, store, known, [...blocks]);
  const mode = head.number - mirrored.number > options.catchUpBlocks ? "catchup" : "live";
  const published = await store.inTransaction((tx) =>
    advance(tx, known, blocks, { depth: options.depth, chainFinalized, mode }),
  );
  const sight = { head: head.number, headTime: head.time };
  // A head below the tip is that of a node which is behind: it says nothing about now.
  const synced = published !== undefined && head.number === tip.number;
  if (published === undefined || (blocks.length === 0 && published === 0)) {
    return { did: "idle", tip: mirrored.number, ...sight, synced };
  }
  return { did: "advanced", tip: tip.number, ...sight, logs: published, synced };
}

/**
 * Height up to which the mirror's own blocks are final: the node's final block must be one of them, or stand on one.
 * Unchanged where that cannot be seen, for instance because a node that is behind answered.
 */
async function finalHeight<B extends BlockLink>(
  reader: ChainReader<B>,
  store: MirrorStore,
  { cursor }: MirrorState,
  blocks: readonly BlockLink[],
): Promise<number> {
  const unchanged = cursor.finalizedNumber;
  const final = await reader.finalized();
  if (!final || final.number <= unchanged) return unchanged;
  const tip = blocks.at(-1)?.number ?? cursor.mirrored.number;
  const height = Math.min(final.number, tip);
  const ours = blocks.find(({ number }) => number === height)?.hash ?? (await store.hashAt(height));
  const theirs = height === final.number ? final : await reader.blockAt(height);
  return ours !== undefined && ours === theirs?.hash ? height : unchanged;
}

/** @returns how many logs were published; undefined when another mirror moved the cursor meanwhile */
async function advance(
  tx: MirrorTx,
  known: MirrorState,
  blocks: readonly MirroredBlock[],
  { depth, chainFinalized, mode }: { depth: number; chainFinalized: number; mode: PublishMode },
): Promise<number | undefined> {
  const { cursor } = known;
  const tip = blocks.at(-1) ?? cursor.mirrored;
  const heights = publishableHeights(cursor, tip.number, depth, chainFinalized);
  if (
    blocks.length === 0 &&
    heights.confirmed === cursor.confirmedNumber &&
    heights.finalized === cursor.finalizedNumber
  ) {
    return 0;
  }
  if (!isSameState(await tx.lockCursor(), known)) return undefined;
  const earlier = await tx.raise(heights);
  const fresh = await tx.appendBlocks(blocks, heights);
  const confirmed = [...earlier.confirmed, ...fresh.confirmed];
  await applyConfirmed(
    tx,
    confirmed.map(({ log }) => log),
  );
  const news = [...confirmed, ...earlier.finalized, ...fresh.finalized];
  await tx.publish(known.chainId, news, mode);
  const mirrored = { number: tip.number, hash: tip.hash };
  const { confirmed: confirmedNumber, finalized: finalizedNumber } = heights;
  await tx.saveCursor({ ...known, cursor: { mirrored, confirmedNumber, finalizedNumber } });
  return news.length;
}

/** @throws OtherChainError */
async function goBack<B extends BlockLink>(
  reader: ChainReader<B>,
  store: MirrorStore,
  known: MirrorState,
  head: BlockLink,
): Promise<MirrorStep> {
  if ((await reader.chainId()) !== known.chainId) throw new OtherChainError();
  const ancestor = await findCommonBlock(reader, store, known.cursor, head);
  const decided = decideRollback(known.cursor, ancestor);
  if (!decided.ok) return halt(store, known, haltText(decided.error));
  const { to } = decided.value;
  const retracted = await rollBack(reader, store, known, to);
  return { did: "rolled-back", to, retracted };
}

async function halt(store: MirrorStore, known: MirrorState, reason: string): Promise<MirrorStep> {
  await store.inTransaction(async (tx) => {
    if (isSameState(await tx.lockCursor(), known)) await tx.saveCursor({ ...known, haltReason: reason });
  });
  return { did: "halted", reason };
}
