import type { BlockContainer } from "./block-container.ts";

/** Two different payloads under one mask: their difference is the difference of two people's data, in the clear. */
export type ReusedMask = { streamIndex: number; blocks: readonly [string, string] };

/**
 * Looks for masks that were used for more than one plaintext. The same row in two versions of a block (the other rows were
 * deleted) is the same ciphertext and no leak.
 * @param blocks by name, e.g. digest; all under one key
 * @cost 32 bytes of memory per row; no payload is read
 */
export function findReusedMasks(blocks: Iterable<readonly [string, BlockContainer]>): ReusedMask[] {
  const seen = new Map<string, { block: string; digest: Buffer }>();
  const reused: ReusedMask[] = [];
  for (const [name, { seed, streamIndexes, rows, rowStride }] of blocks) {
    const seedText = Buffer.from(seed).toString("base64");
    for (const [position, streamIndex] of streamIndexes.entries()) {
      // A row's digest is over seed, stream index and payload; a false one does not match its row and fails elsewhere.
      const digest = Buffer.from(rows.subarray(position * rowStride, position * rowStride + 32));
      const place = `${seedText}|${streamIndex}`;
      const before = seen.get(place);
      if (before === undefined) seen.set(place, { block: name, digest });
      else if (!before.digest.equals(digest)) reused.push({ streamIndex, blocks: [before.block, name] });
    }
  }
  return reused;
}
