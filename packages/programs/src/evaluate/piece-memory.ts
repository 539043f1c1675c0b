import { joinPieces } from "@cos/protocol";

/** More than a stream or a socket gathers before its writer has to wait: 64 KiB in Node.js. */
const largeBytes = 2 ** 20;
/** Large pieces that may be looked at: the one that is sent, the one that is next, and one to spare. */
const atOnce = 3;

/**
 * Copies of pieces for a stream whose reader asks for a further one when it has passed on what it had: a large piece's
 * memory is used again when two more large ones were taken. New memory for each would wait for the garbage collector, 60 MB
 * of it. Whatever ends a stream early must end the use of its memory too, as its socket may go on looking at it.
 */
export class PieceMemory {
  readonly #used: Uint8Array<ArrayBuffer>[] = [];

  /** Pieces that follow one another as one. */
  join(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (length < largeBytes) return joinPieces(pieces);
    const oldest = this.#used.length < atOnce ? undefined : this.#used.shift();
    const memory = oldest !== undefined && oldest.length >= length ? oldest : new Uint8Array(length);
    this.#used.push(memory);
    let at = 0;
    for (const piece of pieces) {
      memory.set(piece, at);
      at += piece.length;
    }
    return memory.subarray(0, length);
  }
}
