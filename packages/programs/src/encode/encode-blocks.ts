import {
  type Coefficients,
  type EncryptedBlock,
  newCoefficients,
  type OwnerPool,
  type Profile,
} from "@cos/fhe";
import type { GenomicsError, GenotypeBlock, GenotypeSource, Trait as PhenotypeTrait } from "@cos/genomics";
import { STATUS_CASE, STATUS_CONTROL } from "@cos/genomics";
import {
  type ArrayManifest,
  type Block,
  err,
  type ObjectRef,
  ok,
  type Result,
  rowsOf,
  type Segment,
  toRowRanges,
} from "@cos/protocol";
import { encodeValue, type FixedPoint } from "./fixed-point.ts";
import { type LayoutName, layouts } from "./layout.ts";

/** Takes a finished object: stores or uploads it. Called one at a time. */
export type ObjectSink = (object: ObjectRef, bytes: Uint8Array) => Promise<void>;

export type Progress = (state: { stage: "genotypes" | "traits"; done: number; total: number }) => void;

/** Everything that encrypting a segment's rows needs. */
export type EncodeContext = {
  pool: OwnerPool;
  sink: ObjectSink;
  segment: Segment;
  /** Row within the segment -> person; -1 is an empty person. */
  personOfRow: Int32Array;
  onBlock?: () => void;
};

/** By how much a quantity of the fixed trait weights a person; 0 where it does not hold. */
export type WeightOf = (person: number, quantity: string) => number;

/**
 * Encrypts the genotypes of one segment in one layout, block by block; memory: one variant block and a few row blocks.
 * @param weightOf for channels that a fixed trait weights
 */
export async function encodeGenotypes(
  context: EncodeContext,
  array: ArrayManifest,
  source: GenotypeSource,
  weightOf: WeightOf = () => 0,
): Promise<Result<Block[], GenomicsError>> {
  const queue = new BlockQueue(context);
  for (const variantBlock of array.variantBlocks) {
    const genotypes = await source.readBlock(variantBlock.first, variantBlock.count);
    if (!genotypes.ok) {
      await queue.drain();
      return genotypes;
    }
    const width = 1 + Math.max(...array.channels.map((c) => c.at.coefficient)) + variantBlock.count - 1;
    for (const rows of rowBlocksOf(context.segment, array.rowsPerBlock)) {
      const coefficients = newCoefficients(profileOf(array), rows.offsets.length * width);
      for (const [i, offset] of rows.offsets.entries()) {
        const person = context.personOfRow[offset] as number;
        const target = coefficients.subarray(i * width, (i + 1) * width);
        if (person >= 0) placeGenotypes(array, genotypes.value, person, weightOf, target);
      }
      await queue.push(array, variantBlock.index, rows, width, coefficients);
    }
  }
  return ok(await queue.drain());
}

/** Writes one person's codes of a variant block at the places that the channels name. */
function placeGenotypes(
  array: ArrayManifest,
  block: GenotypeBlock,
  person: number,
  weightOf: WeightOf,
  target: Coefficients,
): void {
  for (const { quantity, weight, at } of array.channels) {
    const valueAt = genotypeQuantities[quantity];
    if (valueAt === undefined) throw new Error(`no genotype quantity ${quantity}`);
    const multiplier = Number(at.multiplier) * (weight === undefined ? 1 : weightOf(person, weight));
    if (multiplier === 0) continue;
    for (let v = 0; v < block.count; v += 1) {
      const value = valueAt(block, v * block.samples + person);
      if (value === 0) continue;
      const index = at.coefficient + v;
      target[index] = (target[index] as number) + multiplier * value;
    }
  }
}

/** What each genotype channel holds; zero wherever the call is missing. */
const genotypeQuantities: Readonly<Record<string, (block: GenotypeBlock, index: number) => number>> = {
  alleles: (block, index) => block.alleles[index] as number,
  calledAlleles: (block, index) => block.called[index] as number,
  called: (block, index) => Number(block.called[index] !== 0),
  dosage: (block, index) => block.dosage[index] as number,
  dosageSq: (block, index) => (block.dosage[index] as number) ** 2,
};

/** Encrypts one trait of one segment: a constant per person and column. */
export async function encodeTrait(
  context: EncodeContext,
  array: ArrayManifest,
  columnsOf: (person: number) => readonly number[],
): Promise<Block[]> {
  const queue = new BlockQueue(context);
  const width = 1 + Math.max(...array.channels.map((c) => c.at.coefficient));
  for (const rows of rowBlocksOf(context.segment, array.rowsPerBlock)) {
    const coefficients = new Uint32Array(rows.offsets.length * array.ciphertextsPerRow * width);
    for (const [i, offset] of rows.offsets.entries()) {
      const person = context.personOfRow[offset] as number;
      if (person < 0) continue;
      const values = columnsOf(person);
      for (const [c, { at }] of array.channels.entries()) {
        coefficients[(i * array.ciphertextsPerRow + at.ciphertext) * width + at.coefficient] = values[
          c
        ] as number;
      }
    }
    await queue.push(array, null, rows, width, coefficients);
  }
  return queue.drain();
}

/**
 * Column values of every person for a trait, in the order of `traitChannels`.
 * @errors `TRAIT_OUT_OF_RANGE` when a value does not fit the encoding that the dataset began with
 */
export function traitColumnsOf(
  trait: PhenotypeTrait,
  fixedPoint: FixedPoint | undefined,
): Result<number[][], { code: "TRAIT_OUT_OF_RANGE"; trait: string }> {
  if (trait.kind === "case-control") {
    return ok(
      Array.from(trait.status, (status) => [
        Number(status === STATUS_CASE),
        Number(status === STATUS_CONTROL),
      ]),
    );
  }
  if (fixedPoint === undefined) throw new TypeError("a quantity needs an encoding");
  const columns: number[][] = [];
  for (const value of trait.values) {
    const encoded = encodeValue(value, fixedPoint);
    if (!encoded.ok) return err({ code: "TRAIT_OUT_OF_RANGE", trait: trait.name });
    columns.push(encoded.value);
  }
  return ok(columns);
}

const profileOf = (array: ArrayManifest): Profile => layouts[array.layout as LayoutName].profile;

/** Rows of one block, as offsets within the segment. */
type RowRun = { rowBlock: number; offsets: number[] };

/** The segment's rows in blocks; rows that were deleted since stay away. */
function rowBlocksOf(segment: Segment, rowsPerBlock: number): RowRun[] {
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

/** Keeps a bounded number of blocks in flight and hands finished ones to the sink in order. */
class BlockQueue {
  readonly #context: EncodeContext;
  readonly #pending: { entry: Omit<Block, "object">; encrypted: Promise<EncryptedBlock> }[] = [];
  readonly #blocks: Block[] = [];

  constructor(context: EncodeContext) {
    this.#context = context;
  }

  async push(
    array: ArrayManifest,
    variantBlock: number | null,
    rows: RowRun,
    width: number,
    coefficients: Coefficients,
  ): Promise<void> {
    const { pool, segment } = this.#context;
    const streamIndexes = Uint32Array.from(rows.offsets, (offset) => segment.firstRow + offset);
    const encrypted = pool.encrypt({
      profile: profileOf(array),
      label: { array: array.name, segment: segment.id, variantBlock, rowBlock: rows.rowBlock },
      ciphertextsPerRow: array.ciphertextsPerRow,
      coefficientsPerCiphertext: width,
      coefficients,
      streamIndexes,
    });
    // An error surfaces when the block is taken; until then it must not count as unhandled.
    encrypted.catch(() => {});
    const entry = {
      index: this.#blocks.length + this.#pending.length,
      segment: segment.id,
      variantBlock,
      rowBlock: rows.rowBlock,
      rows: toRowRanges([...streamIndexes]),
    };
    this.#pending.push({ entry, encrypted });
    while (this.#pending.length > 2 * pool.threads) await this.#takeOne();
  }

  async drain(): Promise<Block[]> {
    while (this.#pending.length > 0) await this.#takeOne();
    return this.#blocks;
  }

  async #takeOne(): Promise<void> {
    const next = this.#pending.shift();
    if (next === undefined) return;
    const { object, bytes } = await next.encrypted;
    await this.#context.sink(object, bytes);
    this.#blocks.push({ ...next.entry, object });
    this.#context.onBlock?.();
  }
}
