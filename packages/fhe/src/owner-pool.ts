import { availableParallelism } from "node:os";
import type { Digest, ObjectRef, Result } from "@cos/protocol";
import { type BlockLabel, toBlockHeader } from "./block-head.ts";
import { blockHeaderSchema } from "./block-header.ts";
import type { Coefficients } from "./coefficients.ts";
import { contextOf } from "./context.ts";
import type { ContainerError } from "./framed-file.ts";
import type { Profile } from "./profile.ts";
import type { DatasetKey } from "./secret-key.ts";
import { ThreadPool } from "./thread-pool.ts";

export type OwnerThreadData = { keyId: Digest; secrets: ReadonlyMap<string, Uint8Array> };

export type OwnerJob =
  | { kind: "prepare"; profile: string }
  | {
      kind: "encrypt";
      profile: string;
      label: BlockLabel;
      ciphertextsPerRow: number;
      coefficientsPerCiphertext: number;
      coefficients: Coefficients;
      streamIndexes: Uint32Array;
    }
  | { kind: "open"; profile: string; ciphertexts: { packed: Uint8Array; degree: 1 | 2 }[] };

/** Plain rows of one block, to be encrypted. */
export type PlainBlock = {
  profile: Profile;
  label: BlockLabel;
  ciphertextsPerRow: number;
  /** Coefficients of each ciphertext that are given; the others are zero. At most N. */
  coefficientsPerCiphertext: number;
  /** Row by row, ciphertext by ciphertext. Given away: the array is unusable afterwards, and wiped. */
  coefficients: Coefficients;
  /** Ascending, one per row. */
  streamIndexes: Uint32Array;
};

/** An encrypted block: its reference and its bytes. */
export type EncryptedBlock = { object: ObjectRef; bytes: Uint8Array };

/** Encrypts and opens in threads on the owner's side. Each thread holds the secret key; close the pool to end that. */
export class OwnerPool {
  readonly threads: number;
  readonly #keyId: Digest;
  readonly #pool: ThreadPool;

  /** @param script of a thread: one that calls `serveOwner` */
  constructor(
    key: DatasetKey,
    threads: number = availableParallelism(),
    script: URL = new URL("./owner-thread.ts", import.meta.url),
  ) {
    this.threads = threads;
    this.#keyId = key.keyId;
    const data: OwnerThreadData = { keyId: key.keyId, secrets: key.secrets };
    this.#pool = new ThreadPool(script, threads, data);
  }

  /**
   * Has every thread start and get ready to encrypt, while the caller reads what it will encrypt. What fails here fails again,
   * and is heard, where it is used.
   */
  prepare(profile: Profile): void {
    const job: OwnerJob = { kind: "prepare", profile: profile.name };
    for (let thread = 0; thread < this.threads; thread += 1) this.#pool.run(job).catch(() => {});
  }

  /** Rejects a block whose header no reader would take. That is checked here, since threads load no schemas. */
  async encrypt(block: PlainBlock): Promise<EncryptedBlock> {
    const { profile, ciphertextsPerRow, label } = block;
    blockHeaderSchema.parse(toBlockHeader(contextOf(profile, this.#keyId), ciphertextsPerRow, label));
    const job: OwnerJob = { kind: "encrypt", ...block, profile: block.profile.name };
    return this.#pool.run<EncryptedBlock>(job, { transfer: [block.coefficients.buffer as ArrayBuffer] });
  }

  /** Opens ciphertexts of one profile: all N coefficients of each. Only for results that passed `verifyResult`. */
  open(
    profile: Profile,
    ciphertexts: { packed: Uint8Array; degree: 1 | 2 }[],
  ): Promise<Result<Coefficients[], ContainerError>> {
    const job: OwnerJob = { kind: "open", profile: profile.name, ciphertexts };
    return this.#pool.run(job);
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}
