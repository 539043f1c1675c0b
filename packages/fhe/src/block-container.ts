import type { Result } from "@cos/protocol";
import { err, ok } from "@cos/protocol/result";
import { type BlockHead, encodeBlockHead } from "./block-head.ts";
import type { ContainerError } from "./framed-file.ts";
import type { SeededCiphertext } from "./mask.ts";
import { blockHeadBytes, checkRow, type ExpectedBlock, parseBlockHead } from "./parse-block-head.ts";
import { packedPolynomialBytes } from "./profile.ts";

export type { BlockHead, BlockLabel } from "./block-head.ts";
export { blockPrefixBytes, blockRowBytes } from "./block-head.ts";
export type { BlockHeader } from "./block-header.ts";
export { blockSeed, type ExpectedBlock } from "./parse-block-head.ts";

export type BlockContainer = BlockHead & {
  /** All rows as they lie in the object, `rowStride` bytes each: 32 bytes of digest, then the payload. Unchecked. */
  rows: Uint8Array;
  /** The packed first polynomials of the row at `position`, its digest checked. @errors `DIGEST_MISMATCH` */
  row(position: number): Result<Uint8Array, ContainerError>;
  /** One ciphertext of that row. @errors `DIGEST_MISMATCH` */
  ciphertext(position: number, ciphertext: number): Result<SeededCiphertext, ContainerError>;
};

/**
 * Opens a block of unknown origin that lies in memory. Nothing is allocated for a size that the bytes do not bear out.
 * Cost: hashes the head now, and each row when it is read.
 */
export function openBlock(
  bytes: Uint8Array,
  expected: ExpectedBlock = {},
): Result<BlockContainer, ContainerError> {
  const headBytes = blockHeadBytes(bytes);
  if (!headBytes.ok) return headBytes;
  if (bytes.length < headBytes.value) {
    return err({ code: "CONTAINER_TRUNCATED", expectedBytes: headBytes.value, actualBytes: bytes.length });
  }
  const parsed = parseBlockHead(bytes.subarray(0, headBytes.value), bytes.length, expected);
  if (!parsed.ok) return parsed;
  const head = parsed.value;
  const row = (position: number): Result<Uint8Array, ContainerError> =>
    checkRow(head, position, rowAt(head, bytes, position));
  const size = packedPolynomialBytes(head.profile);
  return ok({
    ...head,
    rows: bytes.subarray(head.rowsAt),
    row,
    ciphertext: (position, ciphertext) => {
      if (!(ciphertext >= 0 && ciphertext < head.header.ciphertextsPerRow)) {
        return err({ code: "CONTAINER_MALFORMED", detail: "too few ciphertexts in a row" });
      }
      const payload = row(position);
      if (!payload.ok) return payload;
      const packed = payload.value.subarray(ciphertext * size, (ciphertext + 1) * size);
      const streamIndex = head.streamIndexes[position] as number;
      return ok({ seed: head.seed, streamIndex, ciphertext, packed });
    },
  });
}

/**
 * Rewrites a block without the given rows. Nothing is decrypted or encrypted again; the other rows keep their stream
 * indexes, their digests and, as masks hang on stream indexes, their masks.
 * @returns the new object, or null when no row is left
 */
export function deleteRows(
  bytes: Uint8Array,
  streamIndexes: ReadonlySet<number>,
): Result<Uint8Array | null, ContainerError> {
  const block = openBlock(bytes);
  if (!block.ok) return block;
  const { header, seed, rowStride } = block.value;
  const positions = [...block.value.streamIndexes.keys()];
  const kept = positions.filter((i) => !streamIndexes.has(block.value.streamIndexes[i] as number));
  if (kept.length === 0) return ok(null);
  const head = encodeBlockHead(
    header,
    seed,
    Uint32Array.from(kept, (i) => block.value.streamIndexes[i] as number),
  );
  const out = new Uint8Array(head.length + kept.length * rowStride);
  out.set(head);
  for (const [i, position] of kept.entries()) {
    const payload = block.value.row(position);
    if (!payload.ok) return payload;
    out.set(rowAt(block.value, bytes, position), head.length + i * rowStride);
  }
  return ok(out);
}

function rowAt(
  { rowsAt, rowStride, streamIndexes }: BlockHead,
  bytes: Uint8Array,
  position: number,
): Uint8Array {
  if (!(position >= 0 && position < streamIndexes.length)) throw new RangeError(`no row ${position}`);
  const at = rowsAt + position * rowStride;
  return bytes.subarray(at, at + rowStride);
}
