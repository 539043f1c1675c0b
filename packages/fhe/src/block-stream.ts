import type { Result } from "@cos/protocol";
import { err, ok } from "@cos/protocol/result";
import { type BlockHead, blockPrefixBytes } from "./block-head.ts";
import type { ContainerError } from "./framed-file.ts";
import { blockHeadBytes, checkRow, type ExpectedBlock, parseBlockHead } from "./parse-block-head.ts";

/** One row of a block, its digest checked. */
export type BlockRow = { position: number; streamIndex: number; payload: Uint8Array };

/** A block that is read once, from front to back. */
export type BlockStream = {
  head: BlockHead;
  /** Each row as soon as it has arrived; ends after the first error. */
  rows: AsyncGenerator<Result<BlockRow, ContainerError>, void, undefined>;
};

/**
 * Opens a block of unknown origin that arrives in pieces. Memory: the head, one row and one piece.
 * @param pieces of the block's bytes, of any size
 * @param sizeBytes size that the manifest gives the block
 */
export async function streamBlock(
  pieces: AsyncIterable<Uint8Array>,
  sizeBytes: number,
  expected: ExpectedBlock = {},
): Promise<Result<BlockStream, ContainerError>> {
  const queue = new ByteQueue(pieces);
  const head = await readHead((size) => queue.take(size), sizeBytes, expected);
  return head.ok ? ok({ head: head.value, rows: rowsOf(head.value, queue) }) : head;
}

/** A block whose parts are fetched as they are wanted. */
export type BlockRanges = {
  head: BlockHead;
  /** The payload of the row at `position`, its digest checked. @errors `DIGEST_MISMATCH` */
  row(position: number): Promise<Result<Uint8Array, ContainerError>>;
};

/**
 * Opens a block of unknown origin by its head alone: two reads, and one for each row that is asked for.
 * @param read gives `length` bytes from `offset` on, or fewer where the object ends
 */
export async function openBlockRanges(
  read: (offset: number, length: number) => Promise<Uint8Array>,
  sizeBytes: number,
  expected: ExpectedBlock = {},
): Promise<Result<BlockRanges, ContainerError>> {
  let offset = 0;
  const head = await readHead(
    async (size) => {
      const bytes = await read(offset, size);
      offset += bytes.length;
      return bytes;
    },
    sizeBytes,
    expected,
  );
  if (!head.ok) return head;
  const { rowsAt, rowStride, streamIndexes } = head.value;
  return ok({
    head: head.value,
    row: async (position) => {
      if (!(position >= 0 && position < streamIndexes.length)) throw new RangeError(`no row ${position}`);
      const at = rowsAt + position * rowStride;
      const row = await read(at, rowStride);
      return row.length === rowStride
        ? checkRow(head.value, position, row)
        : truncated(at + rowStride, at + row.length);
    },
  });
}

async function readHead(
  take: (size: number) => Promise<Uint8Array>,
  sizeBytes: number,
  expected: ExpectedBlock,
): Promise<Result<BlockHead, ContainerError>> {
  const prefix = await take(blockPrefixBytes);
  const size = blockHeadBytes(prefix);
  if (!size.ok) return size;
  if (size.value > sizeBytes) return truncated(size.value, sizeBytes);
  const rest = await take(size.value - blockPrefixBytes);
  if (rest.length < size.value - blockPrefixBytes) {
    return truncated(size.value, blockPrefixBytes + rest.length);
  }
  return parseBlockHead(Buffer.concat([prefix, rest]), sizeBytes, expected);
}

async function* rowsOf(
  head: BlockHead,
  queue: ByteQueue,
): AsyncGenerator<Result<BlockRow, ContainerError>, void, undefined> {
  for (const [position, streamIndex] of head.streamIndexes.entries()) {
    const bytes = await queue.take(head.rowStride);
    if (bytes.length < head.rowStride) {
      yield truncated(head.sizeBytes, head.rowsAt + position * head.rowStride + bytes.length);
      return;
    }
    const payload = checkRow(head, position, bytes);
    yield payload.ok ? ok({ position, streamIndex, payload: payload.value }) : payload;
    if (!payload.ok) return;
  }
  const left = await queue.take(1);
  if (left.length > 0) yield err({ code: "CONTAINER_MALFORMED", detail: "bytes after the last row" });
}

/** Pieces of any size in, pieces of the wanted size out. */
class ByteQueue {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** The next `size` bytes; fewer when the pieces end. */
  async take(size: number): Promise<Uint8Array> {
    const out = new Uint8Array(size);
    let filled = 0;
    while (filled < size) {
      if (this.#rest.length === 0) {
        const next = await this.#pieces.next();
        if (next.done === true) break;
        this.#rest = next.value;
      }
      const piece = this.#rest.subarray(0, size - filled);
      out.set(piece, filled);
      filled += piece.length;
      this.#rest = this.#rest.subarray(piece.length);
    }
    return out.subarray(0, filled);
  }
}

const truncated = (expectedBytes: number, actualBytes: number) =>
  err({ code: "CONTAINER_TRUNCATED", expectedBytes, actualBytes } as const);
