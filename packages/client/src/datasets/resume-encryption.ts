import type { DatasetKey } from "@cos/fhe";
import type { Checkpoint } from "@cos/programs";
import { canonicalJson, type ObjectRef } from "@cos/protocol";
import { CosFailure } from "../failure.ts";
import type { DatasetFolder } from "./dataset-folder.ts";
import { type Draft, EncryptionDraft } from "./encryption-draft.ts";
import type { Keyring } from "./keyring.ts";

/** One run of an encryption that can be killed and repeated. */
export type EncryptionRun = {
  /** What the interrupted run before this one drew. */
  readonly earlier: Draft | undefined;
  /** Hands out what that run finished, and keeps what this one draws. */
  checkpoint(key: DatasetKey, now: number): Checkpoint;
};

/**
 * Runs an encryption into a folder. Killed at any moment, it goes on when it is repeated with the same files, options and
 * passphrase: blocks that were stored whole are kept, all others are encrypted again, under new seeds. A refused one leaves
 * nothing behind; one that failed otherwise (a full disk, say) can be repeated too.
 */
export async function resumably<T>(
  folder: DatasetFolder,
  ring: Keyring,
  fingerprint: string,
  encrypt: (run: EncryptionRun) => Promise<T>,
): Promise<T> {
  const draft = new EncryptionDraft(folder.dir, ring, fingerprint);
  await folder.create();
  const earlier = await draft.open();
  const finished = await finishedBlocks(folder, earlier);
  try {
    const done = await encrypt({
      earlier,
      checkpoint: (key, now) => ({
        ...(earlier === undefined ? {} : { draft: earlier.version }),
        keep: (version) => draft.keep(key, version, now),
        finished: (label) => finished.get(canonicalJson(label)),
      }),
    });
    await draft.remove();
    return done;
  } catch (cause) {
    if (cause instanceof CosFailure) {
      await folder.discard();
      await draft.remove();
    }
    throw cause;
  }
}

/** Without a draft, nothing in the folder can be gone on with: it would be under another key. */
async function finishedBlocks(
  folder: DatasetFolder,
  earlier: Draft | undefined,
): Promise<ReadonlyMap<string, ObjectRef>> {
  if (earlier !== undefined) return folder.finishedBlocks();
  await folder.forgetBlocks();
  return new Map();
}
