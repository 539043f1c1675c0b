import { newCoefficients } from "@cos/fhe";
import {
  type GenomicsError,
  type GenotypeSource,
  type Trait as PhenotypeTrait,
  STATUS_CASE,
  STATUS_CONTROL,
} from "@cos/genomics";
import { type ArrayManifest, type Block, err, ok, type Result } from "@cos/protocol";
import { BlockQueue, type EncodeContext, profileOf, rowBlocksOf } from "./block-queue.ts";
import { encodeValue, type FixedPoint } from "./fixed-point.ts";
import { GenotypePlacer, type WeightOf } from "./place-genotypes.ts";

/**
 * Encrypts the genotypes of one segment in one layout, block by block. Memory: the calls of one variant block, a byte per
 * person and variant and while they are read a quarter more, and five row blocks per thread.
 * @param weightOf for channels that a fixed trait weights
 */
export async function encodeGenotypes(
  context: EncodeContext,
  array: ArrayManifest,
  source: GenotypeSource,
  weightOf: WeightOf = () => 0,
): Promise<Result<Block[], GenomicsError>> {
  const queue = new BlockQueue(context, array);
  const rowBlocks = rowBlocksOf(context.segment, array.rowsPerBlock);
  for (const { index, first, count } of array.variantBlocks) {
    let placer: GenotypePlacer | undefined;
    const width = 1 + Math.max(...array.channels.map((c) => c.at.coefficient)) + count - 1;
    for (const rows of rowBlocks) {
      if (await queue.pushFinished(index, rows)) continue;
      if (placer === undefined) {
        const calls = await source.readCalls(first, count);
        if (!calls.ok) {
          await queue.drain();
          return calls;
        }
        placer = new GenotypePlacer(array.channels, calls.value, source, weightOf);
      }
      const coefficients = newCoefficients(profileOf(array), rows.offsets.length * width);
      const people = rows.offsets.map((offset) => context.personOfRow[offset] as number);
      placer.place(people, width, coefficients);
      await queue.push(index, rows, width, coefficients);
    }
  }
  return ok(await queue.drain());
}

/** Encrypts one trait of one segment: a constant per person and column. */
export async function encodeTrait(
  context: EncodeContext,
  array: ArrayManifest,
  columnsOf: (person: number) => readonly number[],
): Promise<Block[]> {
  const queue = new BlockQueue(context, array);
  const width = 1 + Math.max(...array.channels.map((c) => c.at.coefficient));
  for (const rows of rowBlocksOf(context.segment, array.rowsPerBlock)) {
    if (await queue.pushFinished(null, rows)) continue;
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
    await queue.push(null, rows, width, coefficients);
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
