import { type Address, asAddress, asDatasetId, asDigest, type DatasetId, type Digest } from "@cos/protocol";
import { type ChainLog, toHex } from "./chain-log.ts";

export type DatasetStatus = "active" | "paused" | "withdrawn";

/** One version. `Initial` is the first; a `withdraw` or `consent` version bars every earlier one. */
export type DatasetVersion = {
  readonly version: number;
  readonly manifestCommitment: Digest;
  readonly manifestUri: string;
  readonly reason: string;
  /** Unix seconds. */
  readonly blockTime: number;
};

/** A dataset as its logs tell it. */
export type Dataset = {
  readonly datasetId: DatasetId;
  readonly owner: Address;
  /** Identity token that holds the key, decimal. */
  readonly sbtId: string;
  readonly contextDigest: Digest;
  readonly regionCode: Digest;
  readonly dataUseCodes: readonly Digest[];
  readonly status: DatasetStatus;
  /** A transfer waits for the new owner's confirmation; grants are suspended. */
  readonly transferPending: boolean;
  /** Oldest first. */
  readonly versions: readonly DatasetVersion[];
  /** Versions below are barred; 0 when none is. */
  readonly barrierVersion: number;
  /** Grants of an epoch below are revoked. */
  readonly grantEpoch: bigint;
};

/** Folds one log into a dataset; logs about other things, and logs before its registration, leave it as it is. */
export function evolveDataset(state: Dataset | undefined, log: ChainLog): Dataset | undefined {
  if (log.fact.$case === "datasetRegistered") return registered(log.fact.value);
  return state && changed(state, log);
}

type Registered = Extract<ChainLog["fact"], { $case: "datasetRegistered" }>["value"];

const registered = (fact: Registered): Dataset => ({
  datasetId: asDatasetId(fact.datasetId),
  owner: asAddress(toHex(fact.owner)),
  sbtId: fact.sbtId,
  contextDigest: asDigest(toHex(fact.contextDigest)),
  regionCode: asDigest(toHex(fact.regionCode)),
  dataUseCodes: fact.dataUseCodes.map((code) => asDigest(toHex(code))),
  status: "active",
  transferPending: false,
  versions: [],
  barrierVersion: 0,
  grantEpoch: 0n,
});

function changed(state: Dataset, { fact, blockTime }: ChainLog): Dataset {
  switch (fact.$case) {
    case "datasetVersioned": {
      const { version, manifestUri, reason } = fact.value;
      const manifestCommitment = asDigest(toHex(fact.value.manifestCommitment));
      const bars = reason === "withdraw" || reason === "consent";
      return {
        ...state,
        versions: [...state.versions, { version, manifestCommitment, manifestUri, reason, blockTime }],
        barrierVersion: bars ? version : state.barrierVersion,
      };
    }
    case "datasetStatusChanged":
      return { ...state, status: fact.value.status as DatasetStatus };
    case "datasetTransferred":
      return { ...state, owner: asAddress(toHex(fact.value.owner)), transferPending: true };
    case "datasetOwnershipConfirmed":
      return {
        ...state,
        owner: asAddress(toHex(fact.value.owner)),
        sbtId: fact.value.sbtId,
        transferPending: false,
      };
    case "allAccessRevoked":
      return { ...state, grantEpoch: fact.value.epoch };
    default:
      return state;
  }
}

/** Number of the newest version; 0 before the first is mirrored. */
export const latestVersionOf = (dataset: Dataset): number => dataset.versions.at(-1)?.version ?? 0;
