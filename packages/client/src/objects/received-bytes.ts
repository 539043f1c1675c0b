import { joinPieces } from "@cos/protocol";

/** Where the bytes of a download go. */
export interface Received {
  /** Bytes from the object's beginning on. */
  readonly have: number;
  /** Forgets them: they come again from the beginning. */
  restart(): void;
  /** Hears how many bytes are said to come, 0 where nothing is said; fewer or more may come. */
  announce(sizeBytes: number): void;
  add(piece: Uint8Array): void | Promise<void>;
}

/** Room that is made for a size that nobody has vouched for; larger objects are gathered in pieces. */
const believedBytes = 256 << 20;

/** Received bytes in memory: once, where their number was announced. */
export class ReceivedBytes implements Received {
  #room = new Uint8Array(0);
  #filled = 0;
  /** What came after the room was full. */
  #more: Uint8Array[] = [];
  #moreBytes = 0;

  get have(): number {
    return this.#filled + this.#moreBytes;
  }

  restart(): void {
    this.#filled = 0;
    this.#more = [];
    this.#moreBytes = 0;
  }

  announce(sizeBytes: number): void {
    const isFirst = this.have === 0 && this.#room.length === 0;
    if (isFirst && sizeBytes > 0 && sizeBytes <= believedBytes) this.#room = new Uint8Array(sizeBytes);
  }

  add(piece: Uint8Array): void {
    const fits = piece.subarray(0, this.#room.length - this.#filled);
    this.#room.set(fits, this.#filled);
    this.#filled += fits.length;
    if (fits.length === piece.length) return;
    this.#more.push(piece.subarray(fits.length));
    this.#moreBytes += piece.length - fits.length;
  }

  /** All that was received, as an array of its own. */
  take(): Uint8Array {
    if (this.#more.length === 0 && this.#filled === this.#room.length) return this.#room;
    return joinPieces([this.#room.subarray(0, this.#filled), ...this.#more]);
  }
}
