import { createHash } from "node:crypto";
import type { ObjectRef } from "@cos/protocol";
import { asDigest } from "@cos/protocol/digest";
import { type BlockLabel, blockRowBytes, encodeBlockHead, rowDigest, toBlockHeader } from "./block-head.ts";
import type { BlockHeader } from "./block-header.ts";
import type { Coefficients } from "./coefficients.ts";
import type { Context } from "./context.ts";
import { FreshMasks } from "./fresh-masks.ts";
import type { KeylessSteps } from "./keyless-steps.ts";
import { packedPolynomialBytes } from "./profile.ts";

/** What a new block is to hold. There is no place for a seed: every block draws its own. */
export type NewBlock = {
  context: Context;
  label: BlockLabel;
  ciphertextsPerRow: number;
  /** Ascending, one per row. */
  streamIndexes: Uint32Array;
};

/** Encrypts coefficients under `mask` and packs the first polynomial. The encryptor's own; once per mask. */
export type EncryptUnderMask = (coefficients: Coefficients, mask: Uint32Array, packed: Uint8Array) => void;

/**
 * Encrypts one block row by row; memory: nothing that grows with the rows but their indexes. Each row is encrypted once: after an
 * error the writer is broken, and the block begins anew with another writer, which has another seed.
 */
export class BlockWriter {
  /** What stands before the rows. */
  readonly head: Uint8Array;
  /** Bytes that `encryptRow` writes. */
  readonly rowStride: number;
  /** Size of the finished block. */
  readonly sizeBytes: number;
  readonly #header: BlockHeader;
  readonly #streamIndexes: Uint32Array;
  readonly #polynomialBytes: number;
  readonly #encrypt: EncryptUnderMask;
  readonly #masks: FreshMasks;
  readonly #seed: Uint8Array;
  readonly #hash = createHash("sha256");
  #next = 0;
  #isBroken = false;

  /** Called by `Encryptor.beginBlock`. */
  constructor(block: NewBlock, steps: KeylessSteps, encrypt: EncryptUnderMask) {
    const { profile } = block.context;
    this.#header = toBlockHeader(block.context, block.ciphertextsPerRow, block.label);
    this.#streamIndexes = block.streamIndexes.slice();
    this.#polynomialBytes = packedPolynomialBytes(profile);
    this.#encrypt = encrypt;
    this.#masks = new FreshMasks(profile, steps);
    this.#seed = this.#masks.seed();
    this.head = encodeBlockHead(this.#header, this.#seed, this.#streamIndexes);
    this.#hash.update(this.head);
    this.rowStride = 32 + blockRowBytes(profile, block.ciphertextsPerRow);
    this.sizeBytes = this.head.length + this.#streamIndexes.length * this.rowStride;
  }

  /**
   * Encrypts the next row.
   * @param coefficients of its ciphertexts, one after the other, equally many each and at most N; every one below t
   * @param row where the row goes: `rowStride` bytes
   */
  encryptRow(coefficients: Coefficients, row: Uint8Array): void {
    const streamIndex = this.#streamIndexes[this.#next];
    if (this.#isBroken || streamIndex === undefined) throw new Error("the block takes no more rows");
    if (row.length !== this.rowStride) throw new RangeError("a row of another size");
    const { ciphertextsPerRow } = this.#header;
    const width = coefficients.length / ciphertextsPerRow;
    if (!Number.isInteger(width)) throw new RangeError("ciphertexts of unequal length");
    this.#isBroken = true;
    const payload = row.subarray(32);
    for (let ciphertext = 0; ciphertext < ciphertextsPerRow; ciphertext += 1) {
      this.#encrypt(
        coefficients.subarray(ciphertext * width, (ciphertext + 1) * width),
        this.#masks.take({ streamIndex, ciphertext }),
        payload.subarray(ciphertext * this.#polynomialBytes, (ciphertext + 1) * this.#polynomialBytes),
      );
    }
    row.set(rowDigest(this.#seed, streamIndex, payload));
    this.#hash.update(row);
    this.#next += 1;
    this.#isBroken = false;
  }

  /** Name of the block, once every row was encrypted. */
  finish(): ObjectRef {
    if (this.#isBroken || this.#next !== this.#streamIndexes.length) throw new Error("rows are missing");
    this.#isBroken = true;
    return { digest: asDigest(`0x${this.#hash.digest("hex")}`), sizeBytes: this.sizeBytes };
  }
}
