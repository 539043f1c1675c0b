import {
  type AlgorithmId,
  asAddress,
  asAlgorithmId,
  asDigest,
  asPermitId,
  type Digest,
  type PermitId,
} from "@cos/protocol";
import type { CosClient } from "../cos-client.ts";
import { CosFailure } from "../failure.ts";

/** `PermitState` of the contracts, by number. */
export const permitStates = [
  "NONE",
  "ISSUED",
  "POSTED",
  "CHALLENGED",
  "ACCEPTED",
  "RELEASED",
  "LAPSED",
  "REFUNDED",
] as const;
export type PermitState = (typeof permitStates)[number];

/** What the chain itself says about a permit: read from its logs and storage, never from whoever hands over a result. */
export type PermitOnChain = {
  readonly permitId: PermitId;
  readonly state: PermitState;
  readonly grantee: string;
  readonly grantIds: readonly string[];
  readonly datasetIds: readonly string[];
  readonly datasetVersions: readonly number[];
  readonly datasetRoots: readonly Digest[];
  readonly algorithmId: AlgorithmId;
  readonly paramsHash: Digest;
  readonly purposeHash: Digest;
  readonly replicas: number;
  readonly fee: string;
  /** Unix seconds; 0 while unknown. */
  readonly challengeEnds: number;
  readonly releaseBy: number;
  /** The posted result; null before. */
  readonly result: { commitment: Digest; uri: string; blockNumber: number } | null;
  readonly issuedTransaction: string;
};

/** @throws PERMIT_UNKNOWN */
export async function readPermit(client: CosClient, permitId: string): Promise<PermitOnChain> {
  const [issued] = await client.chain.findEvents("JobPermits", "JobPermitIssued", [permitId]);
  if (issued === undefined) {
    throw new CosFailure("not-found", "PERMIT_UNKNOWN", "the chain knows no such permit", {
      facts: { permitId },
      hint: "cos job list shows yours",
    });
  }
  const { terms, fees } = issued.args;
  const [permit, posted] = await Promise.all([
    client.chain.read("JobPermits", "permitOf", [permitId]),
    client.chain.findEvents("JobPermits", "JobResult", [permitId]),
  ]);
  const result = posted.at(-1);
  return {
    permitId: asPermitId(permitId),
    state: permitStates[Number(permit.state)] ?? "NONE",
    grantee: asAddress(terms.grantee),
    grantIds: [...terms.grantIds].map(String),
    datasetIds: [...terms.datasetIds].map(String),
    datasetVersions: [...terms.datasetVersions].map(Number),
    datasetRoots: [...terms.datasetRoots].map(asDigest),
    algorithmId: asAlgorithmId(terms.algorithmId),
    paramsHash: asDigest(terms.paramsHash),
    purposeHash: asDigest(terms.purposeHash),
    replicas: Number(terms.replicas),
    fee: fees.total.toString(),
    challengeEnds: Number(permit.challengeEnds),
    releaseBy: Number(permit.releaseBy),
    result:
      result === undefined
        ? null
        : {
            commitment: asDigest(result.args.commitment),
            uri: result.args.uri,
            blockNumber: result.blockNumber,
          },
    issuedTransaction: issued.transaction,
  };
}
