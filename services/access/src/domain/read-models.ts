import { type Algorithm, evolveAlgorithm } from "./algorithm.ts";
import type { ChainLog } from "./chain-log.ts";
import { type Dataset, evolveDataset } from "./dataset.ts";
import { evolveGrant, type Grant } from "./grant.ts";
import { evolveIdentity, type Identity } from "./identity.ts";
import { evolvePermit, type Permit } from "./permit.ts";
import { evolveRegion, type Region } from "./region.ts";

/** The kinds of things that logs are about, and what is kept of each. */
export type ReadModels = {
  identity: Identity;
  dataset: Dataset;
  grant: Grant;
  permit: Permit;
  algorithm: Algorithm;
  region: Region;
};
export type Kind = keyof ReadModels;
export type State = ReadModels[Kind];

const evolvers: {
  readonly [K in Kind]: (state: ReadModels[K] | undefined, log: ChainLog) => ReadModels[K] | undefined;
} = {
  identity: evolveIdentity,
  dataset: evolveDataset,
  grant: evolveGrant,
  permit: evolvePermit,
  algorithm: evolveAlgorithm,
  region: evolveRegion,
};

/** Folds logs, in block order, into what is kept of one thing. Folding all of them gives the same as folding each on arrival. */
export function fold<K extends Kind>(
  kind: K,
  state: ReadModels[K] | undefined,
  logs: readonly ChainLog[],
): ReadModels[K] | undefined {
  return logs.reduce<ReadModels[K] | undefined>((each, log) => evolvers[kind](each, log), state);
}
