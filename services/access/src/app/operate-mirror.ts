import { err, ok, type Result } from "@cos/protocol";
import type { BlockLink } from "../domain/mirror-cursor.ts";
import type { ChainReader } from "./chain-reader.ts";
import { findCommonBlock } from "./find-common-block.ts";
import type { MirrorState, MirrorStore } from "./mirror-store.ts";
import { rollBack } from "./roll-back.ts";

/** What going back did, or, in a dry run, would do. */
export type WentBack = {
  /** Height from which the mirror reads again. */
  readonly fromBlock: number;
  /** Published logs that are retracted. */
  readonly retracted: number;
};

export type ResumeError =
  | { readonly code: "NOT_HALTED" }
  /** It halted for another reason than the operator read. */
  | { readonly code: "OTHER_REASON"; readonly present: string };
export type RewindError =
  /** Nothing is mirrored yet. */
  | { readonly code: "NOT_STARTED" }
  /** A halted mirror is resumed, not rewound. */
  | { readonly code: "HALTED"; readonly present: string }
  /** Not a height between the first mirrored block and the tip. */
  | { readonly code: "OUT_OF_RANGE"; readonly first: number; readonly tip: number };

export type ResumeMirror = (haltReason: string, dryRun: boolean) => Promise<Result<WentBack, ResumeError>>;
export type RewindMirror = (fromBlock: number, dryRun: boolean) => Promise<Result<WentBack, RewindError>>;

/** Lets a halted mirror go on, on an operator's word: takes back whatever the node's chain no longer holds, final or not. */
export const resumeMirror =
  <B extends BlockLink>(reader: ChainReader<B>, store: MirrorStore): ResumeMirror =>
  async (haltReason, dryRun) => {
    const known = await store.state();
    if (!known || known.haltReason === "") return err({ code: "NOT_HALTED" });
    if (known.haltReason !== haltReason) return err({ code: "OTHER_REASON", present: known.haltReason });
    const to = await findCommonBlock(reader, store, known.cursor, await reader.head());
    return ok(await goBackTo(reader, store, known, to, dryRun));
  };

/**
 * Reads the chain again from a height: retracts what was published of it and publishes it anew. For a mirror whose rows
 * are suspected to be wrong; consumers see retractions and new confirmations, which they bear as they bear a reorganisation.
 */
export const rewindMirror =
  <B extends BlockLink>(reader: ChainReader<B>, store: MirrorStore): RewindMirror =>
  async (fromBlock, dryRun) => {
    const known = await store.state();
    const first = await store.oldestBlock();
    if (!known || first === undefined) return err({ code: "NOT_STARTED" });
    if (known.haltReason !== "") return err({ code: "HALTED", present: known.haltReason });
    const tip = known.cursor.mirrored.number;
    if (fromBlock < first || fromBlock > tip) return err({ code: "OUT_OF_RANGE", first, tip });
    return ok(await goBackTo(reader, store, known, fromBlock - 1, dryRun));
  };

async function goBackTo<B extends BlockLink>(
  reader: ChainReader<B>,
  store: MirrorStore,
  known: MirrorState,
  to: number,
  dryRun: boolean,
): Promise<WentBack> {
  const retracted = dryRun ? await store.publishedAbove(to) : await rollBack(reader, store, known, to);
  return { fromBlock: to + 1, retracted };
}
