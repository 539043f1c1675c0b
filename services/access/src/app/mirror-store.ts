import type { ChainLog } from "../domain/chain-log.ts";
import type { MirrorCursor } from "../domain/mirror-cursor.ts";
import type { State } from "../domain/read-models.ts";
import type { Subject } from "../domain/subjects-of.ts";
import type { MirroredBlock } from "./chain-reader.ts";

export type LogStage = "confirmed" | "finalized" | "retracted";

/** A log at a stage, on its way to `chain.events.v1`. `retractions`: how often this very log was retracted before. */
export type StagedLog = { readonly log: ChainLog; readonly stage: LogStage; readonly retractions: number };

/** Heights up to which logs count as confirmed and as final. */
export type Heights = { readonly confirmed: number; readonly finalized: number };

/** Logs that came to a stage, each in block order. */
export type Staged = { readonly confirmed: readonly StagedLog[]; readonly finalized: readonly StagedLog[] };

/** How a published log came to be: as it happened, or while the mirror read what had happened before. */
export type PublishMode = "live" | "catchup";

/** What the mirror knows of itself. `haltReason` is empty unless it is halted. */
export type MirrorState = {
  readonly chainId: bigint;
  readonly cursor: MirrorCursor;
  readonly haltReason: string;
};

/** Whether the mirror stands where it was last seen. */
export const isSameState = (present: MirrorState | undefined, known: MirrorState): boolean =>
  present !== undefined &&
  present.haltReason === known.haltReason &&
  present.cursor.mirrored.hash === known.cursor.mirrored.hash &&
  present.cursor.confirmedNumber === known.cursor.confirmedNumber &&
  present.cursor.finalizedNumber === known.cursor.finalizedNumber;

/** What becomes of one read model. `since`: the log that began it, which orders lists; a later save keeps the first. */
export type ModelChange = {
  readonly subject: Subject;
  /** `undefined` removes it. */
  readonly state: State | undefined;
  readonly since: ChainLog | undefined;
};

/** The mirror's rows, inside one transaction. Cost: a fixed number of statements for each call, however much it is given. */
export interface MirrorTx {
  /** The cursor, locked against other mirrors of the same store; undefined before the first start. */
  lockCursor(): Promise<MirrorState | undefined>;
  saveCursor(state: MirrorState): Promise<void>;
  /** Takes logs that are there up to the heights' stages. Returns those that changed. */
  raise(heights: Heights): Promise<Staged>;
  /** Adds blocks with their logs, at the stages that the heights give. Returns those that are confirmed or final. */
  appendBlocks(blocks: readonly MirroredBlock[], heights: Heights): Promise<Staged>;
  /** Removes blocks above a height with their logs. Returns those that were published, newest first. */
  removeAbove(number: number): Promise<readonly StagedLog[]>;
  /** Published logs about one thing, in block order. */
  confirmedLogsAbout(subject: Subject): Promise<readonly ChainLog[]>;
  /** The read models that there are, in any order. */
  loadModels(
    subjects: readonly Subject[],
  ): Promise<readonly { readonly subject: Subject; readonly state: State }[]>;
  saveModels(changes: readonly ModelChange[]): Promise<void>;
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
  /** Published logs above a height. */
  publishedAbove(number: number): Promise<number>;
  /** Whether exactly this log is mirrored. */
  hasLog(blockNumber: number, blockHash: string, logIndex: number): Promise<boolean>;
}
