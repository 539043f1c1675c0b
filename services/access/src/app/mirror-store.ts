import type { ChainLog } from "../domain/chain-log.ts";
import type { MirrorCursor } from "../domain/mirror-cursor.ts";
import type { Kind, ReadModels } from "../domain/read-models.ts";
import type { Subject } from "../domain/subjects-of.ts";
import type { MirroredBlock } from "./chain-reader.ts";

export type LogStage = "confirmed" | "finalized" | "retracted";

/** A log at a stage, on its way to `chain.events.v1`. `retractions`: how often this very log was retracted before. */
export type StagedLog = { readonly log: ChainLog; readonly stage: LogStage; readonly retractions: number };

/** How a published log came to be: as it happened, or while the mirror read what had happened before. */
export type PublishMode = "live" | "catchup";

/** What the mirror knows of itself. `haltReason` is empty unless it is halted. */
export type MirrorState = {
  readonly chainId: bigint;
  readonly cursor: MirrorCursor;
  readonly haltReason: string;
};

/** The mirror's rows, inside one transaction. */
export interface MirrorTx {
  /** The cursor, locked against other mirrors of the same store; undefined before the first start. */
  lockCursor(): Promise<MirrorState | undefined>;
  saveCursor(state: MirrorState): Promise<void>;
  appendBlock(block: MirroredBlock): Promise<void>;
  /** Stages logs up to a height: unpublished ones become confirmed, confirmed ones final. Returns them in block order. */
  confirmUpTo(number: number): Promise<readonly StagedLog[]>;
  finalizeUpTo(number: number): Promise<readonly StagedLog[]>;
  /** Removes blocks above a height with their logs. Returns those that were published, newest first. */
  removeAbove(number: number): Promise<readonly StagedLog[]>;
  /** Published logs about one thing, in block order. */
  confirmedLogsAbout(subject: Subject): Promise<readonly ChainLog[]>;
  loadModel<K extends Kind>(kind: K, id: string): Promise<ReadModels[K] | undefined>;
  /** `since`: the log that began it, which orders lists; a later save keeps the first. `undefined` state removes it. */
  saveModel<K extends Kind>(
    kind: K,
    id: string,
    state: ReadModels[K] | undefined,
    since: ChainLog | undefined,
  ): Promise<void>;
  /** Sends logs to `chain.events.v1` if the transaction commits, in this order. */
  publish(chainId: bigint, logs: readonly StagedLog[], mode: PublishMode): Promise<void>;
}

export interface MirrorStore {
  inTransaction<T>(work: (tx: MirrorTx) => Promise<T>): Promise<T>;
  /** The state without a lock. */
  state(): Promise<MirrorState | undefined>;
  /** Hash of the mirrored block at a height; undefined below the first mirrored block and above the tip. */
  hashAt(number: number): Promise<string | undefined>;
  /** Height of the oldest mirrored block; undefined while there is none. */
  oldestBlock(): Promise<number | undefined>;
}
