import { createHash, type Hash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { asDigest, type Digest } from "@cos/protocol";
import { CosFailure } from "../failure.ts";
import type { Received } from "./received-bytes.ts";

/** Bytes that are read at once to hash what an earlier run left. */
const pieceBytes = 1 << 20;

const readAndWrite = constants.O_RDWR | constants.O_CREAT;

/**
 * A download on disk, hashed while it is written: `FILE.part` (0600) until it is whole, then FILE. Bytes are written to
 * the places where they belong, so that two runs that fetch the same object at once write the same file.
 */
export class FileDraft implements Received {
  readonly #file: string;
  readonly #sizeBytes: number;
  readonly #handle: FileHandle;
  #hash: Hash = createHash("sha256");
  #have = 0;

  private constructor(file: string, sizeBytes: number, handle: FileHandle) {
    this.#file = file;
    this.#sizeBytes = sizeBytes;
    this.#handle = handle;
  }

  /** Begins, or goes on with what an earlier run left: hashes it, and distrusts the whole of it where it is too long. */
  static async open(file: string, sizeBytes: number): Promise<FileDraft> {
    try {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await rename(file, partOf(file)).catch(unlessMissing);
      const draft = new FileDraft(file, sizeBytes, await open(partOf(file), readAndWrite, 0o600));
      await draft.#resume().catch(async (cause: unknown) => {
        await draft.#handle.close();
        throw cause;
      });
      return draft;
    } catch (cause) {
      throw unwritable(cause);
    }
  }

  get have(): number {
    return this.#have;
  }

  restart(): void {
    this.#hash = createHash("sha256");
    this.#have = 0;
  }

  announce(): void {}

  /** @throws LENGTH_MISMATCH before a byte is written that the object does not have */
  async add(piece: Uint8Array): Promise<void> {
    if (piece.length > this.#sizeBytes - this.#have) {
      throw new CosFailure("integrity", "LENGTH_MISMATCH", "the object is longer than it was said to be", {
        facts: { expected: this.#sizeBytes, actual: this.#have + piece.length },
        hint: "nothing was opened; tell the operator",
      });
    }
    this.#hash.update(piece);
    for (let written = 0; written < piece.length; ) {
      const rest = piece.length - written;
      const { bytesWritten } = await this.#handle
        .write(piece, written, rest, this.#have + written)
        .catch((cause: unknown) => {
          throw unwritable(cause);
        });
      written += bytesWritten;
    }
    this.#have += piece.length;
  }

  /** Digest of what is there so far. */
  digest(): Digest {
    return asDigest(`0x${this.#hash.copy().digest("hex")}`);
  }

  /** Gives the file its name; the caller closes it. */
  async finish(): Promise<FileHandle> {
    // Another run of the same download may have been faster: then the name is given, and this is that file.
    await rename(partOf(this.#file), this.#file)
      .catch(unlessMissing)
      .catch((cause: unknown) => {
        throw unwritable(cause);
      });
    return this.#handle;
  }

  /** Ends without a file; what there is stays for the next run, or goes. */
  async end({ keep }: { keep: boolean }): Promise<void> {
    await this.#handle.close();
    if (!keep || this.#have === 0) await rm(partOf(this.#file), { force: true });
  }

  async #resume(): Promise<void> {
    await this.#handle.chmod(0o600);
    if ((await this.#handle.stat()).size > this.#sizeBytes) await this.#handle.truncate(0);
    const buffer = new Uint8Array(pieceBytes);
    for (;;) {
      const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, this.#have);
      if (bytesRead === 0) return;
      this.#hash.update(buffer.subarray(0, bytesRead));
      this.#have += bytesRead;
    }
  }
}

const partOf = (file: string): string => `${file}.part`;

function unlessMissing(cause: NodeJS.ErrnoException): void {
  if (cause.code !== "ENOENT") throw cause;
}

const unwritable = (cause: unknown): CosFailure =>
  new CosFailure("unavailable", "FILE_UNWRITABLE", "the download cannot be written to this disk", {
    facts: { reason: (cause as NodeJS.ErrnoException).code ?? String(cause) },
    hint: "make room or choose another --home, then run the same command again: it goes on where it stopped",
  });
