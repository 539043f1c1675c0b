import { type ChainFact, toHex } from "./chain-log.ts";
import type { Kind } from "./read-models.ts";

/** Something that a log is about. `id`: decimal for tokens and grants, hex for permits, programs and addresses. */
export type Subject = { readonly kind: Kind; readonly id: string };

/**
 * What a log is about: the things whose read model it may change, and those whose audit trail it belongs to.
 *
 * A lock is keyed by its permit's id (a bond by a hash of it, so that a bond's movements are found by transaction).
 */
export function subjectsOf(fact: ChainFact): readonly Subject[] {
  switch (fact.$case) {
    case "identityMinted":
    case "identityBurned":
    case "identityRecovered":
      return [{ kind: "identity", id: fact.value.sbtId }];
    case "datasetRegistered":
    case "datasetVersioned":
    case "datasetStatusChanged":
    case "datasetTransferred":
    case "datasetOwnershipConfirmed":
    case "allAccessRevoked":
      return [dataset(fact.value.datasetId)];
    case "accessRequested":
    case "accessDeclined":
      return [grant(fact.value.requestId), dataset(fact.value.datasetId)];
    case "accessGranted":
    case "accessRevoked":
      return [grant(fact.value.grantId), dataset(fact.value.datasetId)];
    case "ticketsReserved":
      return [grant(fact.value.grantId)];
    case "runReserved":
    case "runUsed":
    case "runReturned":
      return [grant(fact.value.grantId), permit(fact.value.permitId)];
    case "jobPermitIssued":
      return [
        permit(fact.value.permitId),
        ...fact.value.datasets.flatMap((each) => [dataset(each.datasetId), grant(each.grantId)]),
      ];
    case "jobAuthorised":
      return [permit(fact.value.permitId), dataset(fact.value.datasetId), grant(fact.value.grantId)];
    case "jobReleased":
      return [permit(fact.value.permitId), dataset(fact.value.datasetId)];
    case "jobResultPosted":
    case "replicaAttested":
    case "jobChallenged":
    case "jobRuled":
    case "jobAccepted":
    case "jobLapsed":
    case "jobRefunded":
    case "authorisationCancelled":
      return [permit(fact.value.permitId)];
    case "feeLocked":
    case "credited":
      return [permit(fact.value.key)];
    case "useLogged":
      return [permit(fact.value.useId), dataset(fact.value.datasetId), grant(fact.value.grantId)];
    case "algorithmRegistered":
    case "algorithmStateChanged":
    case "algorithmFeeChanged":
      return [{ kind: "algorithm", id: toHex(fact.value.algorithmId) }];
    case "regionAttested":
    case "regionRevoked":
      return [{ kind: "region", id: toHex(fact.value.subject) }];
    case "jobProposed":
      return fact.value.datasetIds.map(dataset);
    case "jobProposalEnded":
    case "withdrawn":
    case "useBatchLogged":
    case "otherLog":
      return [];
  }
}

const dataset = (id: string): Subject => ({ kind: "dataset", id });
const grant = (id: string): Subject => ({ kind: "grant", id });
const permit = (id: Uint8Array): Subject => ({ kind: "permit", id: toHex(id) });
