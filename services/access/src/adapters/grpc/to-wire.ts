import type {
  AccessRequest,
  Algorithm as WireAlgorithm,
  Dataset as WireDataset,
  Grant as WireGrant,
  Permit as WirePermit,
} from "@cos/proto/access";
import { AccessGranted, JobPermitIssued } from "@cos/proto/chain";
import type { Algorithm } from "../../domain/algorithm.ts";
import { isOwnerLive, isRevoked } from "../../domain/check-access.ts";
import type { Dataset } from "../../domain/dataset.ts";
import type { Grant, Granted } from "../../domain/grant.ts";
import type { Identity } from "../../domain/identity.ts";
import type { Permit } from "../../domain/permit.ts";

/** Wire bytes of `0x` hex. */
export const toBytes = (hex: string): Buffer => Buffer.from(hex.slice(2), "hex");

export const toWireDataset = (dataset: Dataset, ownerIdentity: Identity | undefined): WireDataset => ({
  datasetId: dataset.datasetId,
  owner: toBytes(dataset.owner),
  sbtId: dataset.sbtId,
  contextDigest: toBytes(dataset.contextDigest),
  regionCode: toBytes(dataset.regionCode),
  status: dataset.status,
  suspended: dataset.transferPending || !isOwnerLive(dataset, ownerIdentity),
  barrierVersion: dataset.barrierVersion,
  grantEpoch: dataset.grantEpoch,
  dataUseCodes: dataset.dataUseCodes.map(toBytes),
  versions: dataset.versions.map((version) => ({
    version: version.version,
    manifestCommitment: toBytes(version.manifestCommitment),
    manifestUri: version.manifestUri,
    reason: version.reason,
    blockTime: BigInt(version.blockTime),
  })),
});

/** A request's state on the wire: a grant that was revoked later was granted all the same. */
export const toWireRequest = (grant: Grant): AccessRequest => ({
  requestId: grant.grantId,
  datasetId: grant.datasetId,
  grantee: toBytes(grant.grantee),
  opMask: grant.opMask,
  purposeHash: toBytes(grant.purposeHash),
  state: grant.granted ? "granted" : grant.state,
  blockTime: BigInt(grant.requestedAt),
  sbtId: grant.sbtId,
  termsHash: toBytes(grant.termsHash),
  uri: grant.uri,
});

export function toWireGrant(
  grant: Grant & { readonly granted: Granted },
  dataset: Dataset | undefined,
): WireGrant {
  const { spent } = grant;
  return {
    terms: AccessGranted.decode(Buffer.from(grant.granted.terms, "base64")),
    revoked: isRevoked(grant, dataset),
    runsUsed: BigInt(spent.runsReserved + spent.runsUsed),
    blockTime: BigInt(grant.granted.at),
    runsReserved: spent.runsReserved,
    ticketsReserved: BigInt(spent.ticketsReserved),
    epsilonSpentMicro: spent.epsilonReserved + spent.epsilonUsed,
    deltaSpentNano: spent.deltaReserved + spent.deltaUsed,
    exactReleasesSpent: spent.releasesReserved + spent.releasesUsed,
  };
}

export const toWirePermit = (permit: Permit, finalizedNumber: number): WirePermit => ({
  terms: JobPermitIssued.decode(Buffer.from(permit.terms, "base64")),
  state: permit.state,
  resultCommitment: permit.resultCommitment ? toBytes(permit.resultCommitment) : Buffer.alloc(0),
  resultUri: permit.resultUri,
  refundReason: permit.refundReason,
  challengeEnds: permit.challengeEnds,
  releaseBy: permit.releaseBy,
  final: permit.stateBlock <= finalizedNumber,
  issuedTransaction: toBytes(permit.issuedTransaction),
  releasedDatasets: [...permit.releasedDatasets],
  refunded: permit.refunded.toString(),
  ruleBy: permit.ruleBy,
});

export const toWireAlgorithm = (algorithm: Algorithm): WireAlgorithm => ({
  algorithmId: toBytes(algorithm.algorithmId),
  author: toBytes(algorithm.author),
  fee: algorithm.fee.toString(),
  uri: algorithm.uri,
  state: algorithm.state,
  feeToken: toBytes(algorithm.feeToken),
});
