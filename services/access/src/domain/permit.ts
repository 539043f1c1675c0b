import { type JobPermitIssued, JobPermitIssued as JobPermitIssuedMessage } from "@cos/proto/chain";
import { type Address, asAddress, asDigest, asPermitId, type Digest, type PermitId } from "@cos/protocol";
import { type ChainLog, toHex } from "./chain-log.ts";

export type PermitStage =
  | "issued"
  | "posted"
  | "challenged"
  | "accepted"
  | "released"
  | "lapsed"
  | "refunded";

/** A permit as its logs tell it. Times are Unix seconds, 0 before they are known; amounts decimal. */
export type Permit = {
  readonly permitId: PermitId;
  readonly grantee: Address;
  readonly datasetIds: readonly string[];
  /** The issuing log's own message, base64. */
  readonly terms: string;
  readonly issuedTransaction: Digest;
  readonly state: PermitStage;
  readonly resultCommitment: Digest | undefined;
  readonly resultUri: string;
  readonly challengeEnds: bigint;
  readonly ruleBy: bigint;
  readonly releaseBy: bigint;
  readonly releasedDatasets: readonly string[];
  readonly refundReason: string;
  readonly refunded: bigint;
  /** Height of the block that brought the present state. */
  readonly stateBlock: number;
};

/** Folds one log into a permit; logs about other things leave it as it is. */
export function evolvePermit(state: Permit | undefined, log: ChainLog): Permit | undefined {
  if (log.fact.$case === "jobPermitIssued") return issued(log.fact.value, log);
  const change = state && changeOf(state, log);
  return change ? { ...state, ...change, stateBlock: log.blockNumber } : state;
}

const issued = (fact: JobPermitIssued, log: ChainLog): Permit => ({
  permitId: asPermitId(toHex(fact.permitId)),
  grantee: asAddress(toHex(fact.grantee)),
  datasetIds: fact.datasets.map(({ datasetId }) => datasetId),
  terms: Buffer.from(JobPermitIssuedMessage.encode(fact).finish()).toString("base64"),
  issuedTransaction: asDigest(log.transactionHash),
  state: "issued",
  resultCommitment: undefined,
  resultUri: "",
  challengeEnds: 0n,
  ruleBy: 0n,
  releaseBy: 0n,
  releasedDatasets: [],
  refundReason: "",
  refunded: 0n,
  stateBlock: log.blockNumber,
});

function changeOf(state: Permit, { fact }: ChainLog): Partial<Permit> | undefined {
  switch (fact.$case) {
    case "jobResultPosted":
      return {
        state: "posted",
        resultCommitment: asDigest(toHex(fact.value.resultCommitment)),
        resultUri: fact.value.resultUri,
        challengeEnds: fact.value.challengeEnds,
      };
    case "jobChallenged":
      return { state: "challenged", ruleBy: fact.value.ruleBy };
    case "jobAccepted":
      return { state: "accepted", releaseBy: fact.value.releaseBy };
    case "jobReleased":
      return {
        state: fact.value.complete ? "released" : "accepted",
        releasedDatasets: [...state.releasedDatasets, fact.value.datasetId],
      };
    case "jobLapsed":
      return { state: "lapsed", refunded: BigInt(fact.value.refunded) };
    case "jobRefunded":
      return {
        state: "refunded",
        refundReason: fact.value.reason,
        refunded: BigInt(fact.value.refunded),
      };
    default:
      return undefined;
  }
}
