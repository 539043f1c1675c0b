import type { ChainLog } from "../domain/chain-log.ts";
import type { Kind, ReadModels } from "../domain/read-models.ts";
import type { Subject } from "../domain/subjects-of.ts";
import type { StagedLog } from "./mirror-store.ts";

/** Place in a list: (block number, log index) of the log that began the thing. */
export type ListPlace = readonly [block: number, logIndex: number];

/** Which part of a list, newest first. Empty `account` or `datasetId`: any. `before`: from the page before. */
export type ReadModelPage = {
  readonly account: string;
  readonly datasetId: string;
  readonly limit: number;
  readonly before?: ListPlace;
};

/** Reads of what the mirror has folded. */
export interface ReadModelQueries {
  get<K extends Kind>(kind: K, id: string): Promise<ReadModels[K] | undefined>;
  list<K extends Kind>(
    kind: K,
    page: ReadModelPage,
  ): Promise<readonly { readonly state: ReadModels[K]; readonly at: ListPlace }[]>;
  /** Mirrored logs about one thing that are not deep enough to count, in block order. */
  unconfirmedLogsAbout(subject: Subject): Promise<readonly ChainLog[]>;
  /** Every published log about a dataset, grant or permit, in block order. */
  auditTrail(subject: Subject): Promise<readonly Omit<StagedLog, "retractions">[]>;
  /** Unix seconds of the newest mirrored block; 0 before the first. */
  mirroredBlockTime(): Promise<number>;
}
