import { type FileHandle, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ByteSource } from "@cos/fhe";
import type { ObjectRef } from "@cos/protocol";
import { CosFailure } from "../failure.ts";
import type { CosHome } from "../home/cos-home.ts";
import type { Transfer, Transfers } from "../objects/transfers.ts";

/** A result's ciphertexts in a file of the home, open while they are checked and decrypted. */
export class ResultFile implements ByteSource {
  readonly sizeBytes: number;
  readonly #path: string;
  readonly #handle: FileHandle;

  private constructor(path: string, handle: FileHandle, sizeBytes: number) {
    this.#path = path;
    this.#handle = handle;
    this.sizeBytes = sizeBytes;
  }

  /** Fetches it, or what an earlier run has left to fetch. */
  static async fetch(
    transfers: Transfers,
    transfer: Transfer,
    home: CosHome,
    ref: ObjectRef,
    progress?: (bytes: number) => void,
  ): Promise<ResultFile> {
    const path = join(home.results, ref.digest.slice(2));
    const handle = await transfers.downloadTo(transfer, ref, path, progress);
    return new ResultFile(path, handle, ref.sizeBytes);
  }

  async read(first: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.sizeBytes - first)));
    let filled = 0;
    while (filled < bytes.length) {
      const { bytesRead } = await this.#handle.read(bytes, filled, bytes.length - filled, first + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return bytes.subarray(0, filled);
  }

  /** Closes and deletes the file: nobody needs it any more. May be repeated. */
  async close(): Promise<void> {
    await this.leave();
    await rm(this.#path, { force: true });
  }

  /** Closes the file and leaves it where the next run finds it. */
  async leave(): Promise<void> {
    await this.#handle.close();
  }

  /** After a failure: bytes that were refused go, after anything else the next run has them already. */
  async endAfter(cause: unknown): Promise<void> {
    if (cause instanceof CosFailure && cause.kind === "integrity") await this.close();
    else await this.leave();
  }
}
