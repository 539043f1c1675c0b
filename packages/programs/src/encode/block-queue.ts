import type { BlockLabel, Coefficients, EncryptedBlock, OwnerPool, Profile } from "@cos/fhe";
import {
  type ArrayManifest,
  type Block,
  type ObjectRef,
  rowsOf,
  type Segment,
  toRowRanges,
} from "@cos/protocol";
import { type LayoutName, layouts } from "./layout.ts";

/**
 * Takes a finished object: stores or uploads it. Called one at a time.
 * @param label of a block; the variant axis has none
 */
export type ObjectSink = (object: ObjectRef, bytes: Uint8Array, label?: BlockLabel) => Promise<void>;

export type Progress = (state: { stage: "genotypes" | "traits"; done: number; total: number }) => void;

/** Everything that encrypting a segment's rows needs. */
export type EncodeContext = {
  pool: OwnerPool;
  sink: ObjectSink;
  segment: Segment;
  /** Row within the segment -> person; -1 is an empty person. */
  personOfRow: Int32Array;
  /** A block that an interrupted run finished. */
  finished?: (label: BlockLabel) => ObjectRef | undefined;
  onBlock?: () => void;
};

export const profileOf = (array: ArrayManifest): Profile => layouts[array.layout as LayoutName].profile;

/** Rows of one block, as offsets within the segment. */
export type RowRun = { rowBlock: number; offsets: number[] };

/** The segment's rows in blocks; rows that were deleted since stay away. */
export function rowBlocksOf(segment: Segment, rowsPerBlock: number): RowRun[] {
  const deleted = new Set(rowsOf(segment.deletedRows));
  const runs: RowRun[] = [];
  for (let first = 0, rowBlock = 0; first < segment.rowsPadded; first += rowsPerBlock, rowBlock += 1) {
    const end = Math.min(first + rowsPerBlock, segment.rowsPadded);
    const offsets = Array.from({ length: end - first }, (_, i) => first + i).filter(
      (offset) => !deleted.has(segment.firstRow + offset),
    );
    if (offsets.length > 0) runs.push({ rowBlock, offsets });
  }
  return runs;
}

/** Encrypts an array's blocks: keeps a bounded number in flight and hands finished ones to the sink in order. */
export class BlockQueue {
  readonly #context: EncodeContext;
  readonly #array: ArrayManifest;
  readonly #pending: { label: BlockLabel; rows: number[]; encrypted: Promise<EncryptedBlock | ObjectRef> }[] =
    [];
  readonly #blocks: Block[] = [];

  constructor(context: EncodeContext, array: ArrayManifest) {
    this.#context = context;
    this.#array = array;
  }

  /** Takes over a block that an interrupted run finished. @returns false when there is none: push it */
  async pushFinished(variantBlock: number | null, rows: RowRun): Promise<boolean> {
    const label = this.#labelOf(variantBlock, rows);
    const object = this.#context.finished?.(label);
    if (object === undefined) return false;
    await this.#push(label, rows, Promise.resolve(object));
    return true;
  }

  /** Queues a block; waits while too many are in flight. */
  async push(
    variantBlock: number | null,
    rows: RowRun,
    width: number,
    coefficients: Coefficients,
  ): Promise<void> {
    const { pool, segment } = this.#context;
    const label = this.#labelOf(variantBlock, rows);
    const encrypted = pool.encrypt({
      profile: profileOf(this.#array),
      label,
      ciphertextsPerRow: this.#array.ciphertextsPerRow,
      coefficientsPerCiphertext: width,
      coefficients,
      streamIndexes: Uint32Array.from(rows.offsets, (offset) => segment.firstRow + offset),
    });
    // An error surfaces when the block is taken; until then it must not count as unhandled.
    encrypted.catch(() => {});
    await this.#push(label, rows, encrypted);
  }

  async drain(): Promise<Block[]> {
    while (this.#pending.length > 0) await this.#takeOne();
    return this.#blocks;
  }

  #labelOf(variantBlock: number | null, { rowBlock }: RowRun): BlockLabel {
    return { array: this.#array.name, segment: this.#context.segment.id, variantBlock, rowBlock };
  }

  async #push(
    label: BlockLabel,
    { offsets }: RowRun,
    encrypted: Promise<EncryptedBlock | ObjectRef>,
  ): Promise<void> {
    const { pool, segment } = this.#context;
    this.#pending.push({ label, rows: offsets.map((offset) => segment.firstRow + offset), encrypted });
    while (this.#pending.length > 2 * pool.threads) await this.#takeOne();
  }

  async #takeOne(): Promise<void> {
    const next = this.#pending.shift();
    if (next === undefined) return;
    const { label, rows } = next;
    const done = await next.encrypted;
    const object = "bytes" in done ? done.object : done;
    if ("bytes" in done) await this.#context.sink(object, done.bytes, label);
    const { segment, variantBlock, rowBlock } = label;
    this.#blocks.push({
      index: this.#blocks.length,
      segment,
      variantBlock,
      rowBlock,
      rows: toRowRanges(rows),
      object,
    });
    this.#context.onBlock?.();
  }
}
