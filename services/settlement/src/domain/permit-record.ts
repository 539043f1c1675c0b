import type { JobPermitIssued } from "@cos/proto/chain";
import {
  asAddress,
  asDatasetId,
  asDigest,
  asPermitId,
  type PermitFacts,
  type PermitId,
  type PermitStateName,
} from "@cos/protocol";
import { type ChainLog, toHex } from "./chain-log.ts";

/** A permit as settlement follows it: what the permit table looks at, and the grants that it stands on. */
export type PermitRecord = PermitFacts & {
  readonly permitId: PermitId;
  readonly grants: readonly {
    readonly grantId: string;
    readonly datasetId: string;
    readonly version: number;
  }[];
};

/** The permit that a log is about; undefined for logs about other things. */
export function permitOf({ fact }: ChainLog): PermitId | undefined {
  switch (fact.$case) {
    case "jobPermitIssued":
    case "jobResultPosted":
    case "replicaAttested":
    case "jobChallenged":
    case "jobRuled":
    case "jobAccepted":
    case "jobReleased":
    case "jobLapsed":
    case "jobRefunded":
      return asPermitId(toHex(fact.value.permitId));
    default:
      return undefined;
  }
}

/** Folds one log into a permit; logs about other things leave it as it is. */
export function evolvePermit(record: PermitRecord | undefined, { fact }: ChainLog): PermitRecord | undefined {
  if (fact.$case === "jobPermitIssued") return issued(fact.value);
  return record && { ...record, ...changeOf(record, fact) };
}

const issued = (log: JobPermitIssued): PermitRecord => ({
  permitId: asPermitId(toHex(log.permitId)),
  state: "Issued",
  grantee: asAddress(toHex(log.grantee)),
  operator: asAddress(toHex(log.operator)),
  expiry: log.expiry,
  graceEnds: log.graceEnds,
  challengeWindow: log.challengeWindowSeconds,
  releaseWindow: log.releaseWindowSeconds,
  challengeEnds: 0n,
  ruleBy: 0n,
  releaseBy: 0n,
  replicas: log.replicas,
  attestations: 0,
  resultCommitment: undefined,
  challenger: undefined,
  bond: 0n,
  compute: BigInt(log.computeShare),
  author: BigInt(log.authorShare),
  work: BigInt(log.workFee),
  items: log.datasets.map(({ datasetId, dataShare }) => ({
    datasetId: asDatasetId(datasetId),
    dataShare: BigInt(dataShare),
    released: false,
  })),
  grants: log.datasets.map(({ grantId, datasetId, version }) => ({ grantId, datasetId, version })),
});

const to = (state: PermitStateName): { state: PermitStateName } => ({ state });

function changeOf(record: PermitRecord, fact: ChainLog["fact"]): Partial<PermitRecord> {
  switch (fact.$case) {
    case "jobResultPosted": {
      const { resultCommitment, challengeEnds } = fact.value;
      return { ...to("Posted"), resultCommitment: asDigest(toHex(resultCommitment)), challengeEnds };
    }
    case "replicaAttested":
      return { attestations: fact.value.attestations };
    case "jobChallenged": {
      const { challenger, bond, ruleBy } = fact.value;
      return { ...to("Challenged"), challenger: asAddress(toHex(challenger)), bond: BigInt(bond), ruleBy };
    }
    case "jobAccepted":
      return { ...to("Accepted"), releaseBy: fact.value.releaseBy };
    case "jobReleased": {
      const { datasetId, complete } = fact.value;
      const items = record.items.map((item) =>
        item.datasetId === datasetId ? { ...item, released: true } : item,
      );
      return { ...to(complete ? "Released" : "Accepted"), items };
    }
    case "jobLapsed":
      return to("Lapsed");
    case "jobRefunded":
      return to("Refunded");
    default:
      return {};
  }
}

/**
 * Whether a log may make a grant fall, on which permits may stand: the chain is then asked, which alone knows.
 * @returns what it concerns; `everything` for an identity, whose grants the log does not name
 */
export function doubtOf({ fact }: ChainLog): Doubt | undefined {
  switch (fact.$case) {
    case "accessRevoked":
      return { about: "grant", id: fact.value.grantId };
    case "allAccessRevoked":
    case "datasetTransferred":
    case "datasetStatusChanged":
    case "datasetVersioned":
      return { about: "dataset", id: fact.value.datasetId };
    case "identityBurned":
    case "identityRecovered":
      return { about: "everything" };
    default:
      return undefined;
  }
}

export type Doubt =
  | { readonly about: "grant" | "dataset"; readonly id: string }
  | { readonly about: "everything" };
