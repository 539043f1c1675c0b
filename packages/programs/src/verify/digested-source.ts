import type { ByteSource } from "@cos/fhe";
import { type Digest, objectDigester } from "@cos/protocol";

/** Bytes that are hashed at once where nobody else reads them. */
const pieceBytes = 1 << 20;

/**
 * A source that works out the digest of all its bytes while they are read from front to back: what was looked at and
 * what was hashed are the same bytes, whoever changes the file meanwhile.
 */
export class DigestedSource implements ByteSource {
  readonly sizeBytes: number;
  readonly #source: ByteSource;
  readonly #digester = objectDigester();
  #hashedBytes = 0;

  constructor(source: ByteSource) {
    this.sizeBytes = source.sizeBytes;
    this.#source = source;
  }

  async read(first: number, length: number): Promise<Uint8Array> {
    const bytes = await this.#source.read(first, length);
    if (first !== this.#hashedBytes) return bytes;
    this.#digester.update(bytes);
    this.#hashedBytes += bytes.length;
    return bytes;
  }

  /** Reads what is left, too. To be asked once; what is read later is no longer hashed. */
  async digest(): Promise<Digest> {
    while (this.#hashedBytes < this.sizeBytes) {
      const length = Math.min(pieceBytes, this.sizeBytes - this.#hashedBytes);
      const piece = await this.read(this.#hashedBytes, length);
      if (piece.length === 0) break;
    }
    this.#hashedBytes = Number.POSITIVE_INFINITY;
    return this.#digester.digest();
  }
}
