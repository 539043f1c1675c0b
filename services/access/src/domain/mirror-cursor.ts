import { err, ok, type Result } from "@cos/protocol";

/** A block's place in the chain. `time`: Unix seconds. */
export type BlockLink = {
  readonly number: number;
  readonly hash: string;
  readonly parentHash: string;
  readonly time: number;
};

/** How far the mirror is. Logs up to `confirmedNumber` are published, up to `finalizedNumber` as final. */
export type MirrorCursor = {
  readonly mirrored: { readonly number: number; readonly hash: string };
  readonly confirmedNumber: number;
  readonly finalizedNumber: number;
};

/** The reason of a halt, as an operator must repeat it to resume. */
export type HaltReason = {
  readonly code: "REORG_BELOW_FINALITY";
  readonly ancestor: number;
  readonly finalized: number;
};

/** The blocks, in order, that follow `tip` by parent hash; the first that does not fit ends the list. */
export function linkedPrefix<B extends BlockLink>(
  tip: { readonly number: number; readonly hash: string },
  blocks: readonly B[],
): readonly B[] {
  let last = tip;
  const linked: B[] = [];
  for (const block of blocks) {
    if (block.number !== last.number + 1 || block.parentHash !== last.hash) break;
    linked.push(block);
    last = block;
  }
  return linked;
}

/**
 * Heights up to which logs become confirmed and final once the mirror's tip is `tip`.
 *
 * Neither ever goes back, and nothing is final before it is confirmed and mirrored. Depth 0 confirms the tip itself.
 */
export function publishableHeights(
  cursor: Pick<MirrorCursor, "confirmedNumber" | "finalizedNumber">,
  tip: number,
  depth: number,
  chainFinalized: number,
): { readonly confirmed: number; readonly finalized: number } {
  const finalized = Math.max(cursor.finalizedNumber, Math.min(chainFinalized, tip));
  return { confirmed: Math.max(cursor.confirmedNumber, tip - depth, finalized), finalized };
}

/**
 * What to do about a chain that no longer holds the mirror's tip: go back to the newest common block, unless that lies
 * below what was published as final.
 * @errors `REORG_BELOW_FINALITY`: nothing may be undone without an operator
 */
export function decideRollback(
  cursor: Pick<MirrorCursor, "finalizedNumber">,
  ancestor: number,
): Result<{ readonly to: number }, HaltReason> {
  if (ancestor >= cursor.finalizedNumber) return ok({ to: ancestor });
  return err({ code: "REORG_BELOW_FINALITY", ancestor, finalized: cursor.finalizedNumber });
}

/** The cursor after going back to a common block. */
export const cursorAt = (
  cursor: MirrorCursor,
  ancestor: { readonly number: number; readonly hash: string },
): MirrorCursor => ({
  mirrored: { number: ancestor.number, hash: ancestor.hash },
  confirmedNumber: Math.min(cursor.confirmedNumber, ancestor.number),
  finalizedNumber: Math.min(cursor.finalizedNumber, ancestor.number),
});

/** A halt as one line, which `ResumeMirror` must repeat. */
export const haltText = ({ code, ancestor, finalized }: HaltReason): string =>
  `${code} common block ${ancestor}, published as final up to ${finalized}`;
