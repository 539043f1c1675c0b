import { err, ok, type Result } from "@cos/protocol";
import {
  type BlockLink,
  cursorAt,
  decideRollback,
  haltText,
  linkedPrefix,
  type MirrorCursor,
  publishableHeights,
} from "../domain/mirror-cursor.ts";
import type { ChainReader, MirroredBlock } from "./chain-reader.ts";
import { applyConfirmed, refold } from "./maintain-models.ts";
import type { MirrorState, MirrorStore, MirrorTx, PublishMode } from "./mirror-store.ts";

export type MirrorOptions = {
  /** Blocks on top of a log's block before it counts as confirmed; 0 confirms the head itself. */
  readonly depth: number;
  /** Height of the first block to mirror: the deployment's. */
  readonly startBlock: number;
  /** Blocks read and stored in one go. */
  readonly batch: number;
  /** Blocks behind the head from which published logs are marked `catchup`. */
  readonly catchUpBlocks: number;
};

/** What one step of the mirror did. `synced`: it has read everything up to the node's head. */
export type MirrorStep =
  | {
      readonly did: "advanced";
      readonly tip: number;
      readonly head: number;
      readonly logs: number;
      readonly synced: boolean;
    }
  | { readonly did: "idle"; readonly tip: number; readonly head: number; readonly synced: boolean }
  | { readonly did: "rolled-back"; readonly to: number; readonly retracted: number }
  | { readonly did: "halted"; readonly reason: string };

/**
 * One step of the mirror: reads the next blocks by parent hash, or goes back before a reorganisation. Mirror rows,
 * read models, cursor and outgoing messages of a step commit in one transaction, and only if no other mirror moved the
 * cursor meanwhile; a node that fails or contradicts itself throws, and nothing has happened.
 */
export async function mirrorStep<B extends BlockLink>(
  reader: ChainReader<B>,
  store: MirrorStore,
  options: MirrorOptions,
): Promise<MirrorStep> {
  const known = (await store.state()) ?? (await beginMirror(reader, store, options));
  if (!known)
    return { did: "idle", tip: options.startBlock - 1, head: options.startBlock - 1, synced: false };
  if (known.haltReason !== "") return { did: "halted", reason: known.haltReason };
  const head = await reader.head();
  if (await isReorganised(reader, store, known.cursor, head)) return goBack(reader, store, known);
  return goOn(reader, store, known, head, options);
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
  { mirrored }: MirrorCursor,
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
): Promise<MirrorStep> {
  const { mirrored } = known.cursor;
  const blocks = await readBlocks(reader, mirrored, head.number, options.batch);
  const chainFinalized = await reader.finalizedNumber();
  const tip = blocks.at(-1) ?? mirrored;
  const behind = head.number - tip.number;
  const mode = head.number - mirrored.number > options.catchUpBlocks ? "catchup" : "live";
  const published = await store.inTransaction((tx) =>
    advance(tx, known, blocks, { depth: options.depth, chainFinalized, mode }),
  );
  const synced = behind <= 0;
  if (published === undefined || (blocks.length === 0 && published === 0)) {
    return {
      did: "idle",
      tip: mirrored.number,
      head: head.number,
      synced: synced && published !== undefined,
    };
  }
  return { did: "advanced", tip: tip.number, head: head.number, logs: published, synced };
}

/** The next blocks with their logs, linked to the mirror's tip; those that a node mixed in from elsewhere are left out. */
async function readBlocks<B extends BlockLink>(
  reader: ChainReader<B>,
  tip: { readonly number: number; readonly hash: string },
  head: number,
  batch: number,
): Promise<readonly MirroredBlock[]> {
  const count = Math.max(0, Math.min(batch, head - tip.number));
  const numbers = Array.from({ length: count }, (_, index) => tip.number + 1 + index);
  const found = await Promise.all(numbers.map((number) => reader.blockAt(number)));
  const missing = found.indexOf(undefined);
  const present = found.slice(0, missing === -1 ? undefined : missing) as B[];
  const linked = linkedPrefix(tip, present);
  return Promise.all(
    linked.map(async (block) => {
      const { number, hash, parentHash, time } = block;
      return { number, hash, parentHash, time, logs: await reader.logsOf(block) };
    }),
  );
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
  if (!isSame(await tx.lockCursor(), known)) return undefined;
  for (const block of blocks) await tx.appendBlock(block);
  const confirmed = await tx.confirmUpTo(heights.confirmed);
  await applyConfirmed(
    tx,
    confirmed.map(({ log }) => log),
  );
  const finalized = await tx.finalizeUpTo(heights.finalized);
  await tx.publish(known.chainId, [...confirmed, ...finalized], mode);
  const mirrored = { number: tip.number, hash: tip.hash };
  const { confirmed: confirmedNumber, finalized: finalizedNumber } = heights;
  await tx.saveCursor({ ...known, cursor: { mirrored, confirmedNumber, finalizedNumber } });
  return confirmed.length + finalized.length;
}

async function goBack<B extends BlockLink>(
  reader: ChainReader<B>,
  store: MirrorStore,
  known: MirrorState,
): Promise<MirrorStep> {
  const ancestor = await findCommonBlock(reader, store, known.cursor);
  const decided = decideRollback(known.cursor, ancestor);
  if (!decided.ok) return halt(store, known, haltText(decided.error));
  return rollBack(reader, store, known, decided.value.to);
}

async function halt(store: MirrorStore, known: MirrorState, reason: string): Promise<MirrorStep> {
  await store.inTransaction(async (tx) => {
    if (isSame(await tx.lockCursor(), known)) await tx.saveCursor({ ...known, haltReason: reason });
  });
  return { did: "halted", reason };
}

/** Takes blocks above `to` back: their published logs are retracted, and read models folded from what remains. */
async function rollBack<B extends BlockLink>(
  reader: ChainReader<B>,
  store: MirrorStore,
  known: MirrorState,
  to: number,
): Promise<MirrorStep> {
  const hash = (await store.hashAt(to)) ?? (await reader.blockAt(to + 1))?.parentHash;
  if (hash === undefined) return { did: "idle", tip: known.cursor.mirrored.number, head: to, synced: false };
  const retracted = await store.inTransaction(async (tx) => {
    if (!isSame(await tx.lockCursor(), known)) return 0;
    const removed = await tx.removeAbove(to);
    await refold(
      tx,
      removed.map(({ log }) => log),
    );
    await tx.publish(known.chainId, removed, "live");
    await tx.saveCursor({ ...known, haltReason: "", cursor: cursorAt(known.cursor, { number: to, hash }) });
    return removed.length;
  });
  return { did: "rolled-back", to, retracted };
}

/**
 * Height of the newest block that mirror and node share: the first mirrored height less one when they share none.
 * If a block is shared, so is every block before it, so steps back double and then halve: O(log depth) calls.
 */
async function findCommonBlock<B extends BlockLink>(
  reader: ChainReader<B>,
  store: MirrorStore,
  cursor: MirrorCursor,
): Promise<number> {
  const oldest = (await store.oldestBlock()) ?? cursor.mirrored.number + 1;
  const isShared = async (number: number): Promise<boolean> => {
    const [ours, theirs] = await Promise.all([store.hashAt(number), reader.blockAt(number)]);
    return ours !== undefined && ours === theirs?.hash;
  };
  let different = cursor.mirrored.number;
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

export type ResumeError =
  | { readonly code: "NOT_HALTED" }
  | { readonly code: "OTHER_REASON"; readonly present: string };
export type ResumeMirror = (
  haltReason: string,
) => Promise<Result<{ readonly fromBlock: number }, ResumeError>>;

/**
 * Lets a halted mirror go on, on an operator's word: takes back whatever the node's chain no longer holds, final or not.
 * @errors `NOT_HALTED`; `OTHER_REASON` when it halted for another reason than the operator read
 */
export const resumeMirror =
  <B extends BlockLink>(reader: ChainReader<B>, store: MirrorStore): ResumeMirror =>
  async (haltReason) => {
    const known = await store.state();
    if (!known || known.haltReason === "") return err({ code: "NOT_HALTED" });
    if (known.haltReason !== haltReason) return err({ code: "OTHER_REASON", present: known.haltReason });
    const to = await findCommonBlock(reader, store, known.cursor);
    await rollBack(reader, store, known, to);
    return ok({ fromBlock: to + 1 });
  };

const isSame = (present: MirrorState | undefined, known: MirrorState): boolean =>
  present !== undefined &&
  present.haltReason === known.haltReason &&
  present.cursor.mirrored.hash === known.cursor.mirrored.hash &&
  present.cursor.confirmedNumber === known.cursor.confirmedNumber &&
  present.cursor.finalizedNumber === known.cursor.finalizedNumber;
