import { Op } from "../op-mask.ts";
import { anyRegion } from "../region.ts";
import {
  type Clauses,
  type Counters,
  type Facts,
  GrantState,
  type Query,
  VersionPolicy,
} from "./grant-terms.ts";
import type { Reason } from "./refusal-reason.ts";

const zeroDigest = anyRegion;

/**
 * Decides a query against a grant, rule by rule in the contract's order; the first rule that refuses names the answer.
 *
 * The twin of `ClauseRules.decide`: the vectors in `contracts/test/vectors/clauses.json` run through both.
 *
 * @source contracts/src/libraries/ClauseRules.sol
 */
export function decideClauses(clauses: Clauses, spent: Counters, facts: Facts, query: Query): Reason {
  const state = decideState(facts.state);
  if (state !== "Allowed") return state;
  if (query.grantee !== clauses.grantee) return "WrongGrantee";
  if (!facts.identityLive) return "IdentityNotLive";
  if (!facts.datasetLive) return "DatasetUnavailable";
  if (query.op === 0 || (query.op & clauses.opMask) !== query.op) return "WrongOperation";
  if (query.purposeHash !== clauses.purposeHash) return "WrongPurpose";
  if (query.at < clauses.notBefore) return "NotYetValid";
  if (query.at >= clauses.expiry) return "Expired";
  if (clauses.regionCode !== anyRegion && query.regionCode !== clauses.regionCode) return "WrongRegion";
  const counts = decideCounts(clauses, spent, query);
  return counts === "Allowed" ? decideJob(clauses, facts, query) : counts;
}

/** The one version that a permit under the grant may name: a barrier overrides a pin below it. */
export function admissibleVersion(
  clauses: Pick<Clauses, "versionPolicy" | "pinnedVersion">,
  facts: Pick<Facts, "latestVersion" | "barrierVersion">,
): number {
  if (clauses.versionPolicy === VersionPolicy.Follow) return facts.latestVersion;
  return Math.max(clauses.pinnedVersion, facts.barrierVersion);
}

/** Index of the rate window that holds `at`; 0 without a rate or before the grant begins. */
export function rateIndexAt(clauses: Pick<Clauses, "rateWindow" | "notBefore">, at: bigint): bigint {
  if (clauses.rateWindow === 0 || at < clauses.notBefore) return 0n;
  return (at - clauses.notBefore) / BigInt(clauses.rateWindow);
}

function decideState(state: GrantState): Reason {
  if (state === GrantState.None) return "UnknownGrant";
  if (state === GrantState.Revoked) return "Revoked";
  return state === GrantState.Granted ? "Allowed" : "NotGranted";
}

function decideCounts(clauses: Clauses, spent: Counters, query: Query): Reason {
  const computes = (query.op & Op.COMPUTE) !== 0;
  if (computes && spent.runsReserved + spent.runsUsed >= clauses.maxRuns) return "RunsExhausted";
  if (
    (query.op & (Op.READ | Op.EXPORT)) !== 0 &&
    spent.ticketsReserved + query.tickets > clauses.maxTickets
  ) {
    return "TicketsExhausted";
  }
  return computes ? decideComputeCounts(clauses, spent, query) : "Allowed";
}

function decideComputeCounts(clauses: Clauses, spent: Counters, query: Query): Reason {
  const sameWindow = spent.rateIndex === rateIndexAt(clauses, query.at);
  if (clauses.rateMax !== 0 && sameWindow && spent.rateCount >= clauses.rateMax) return "RateExceeded";
  const epsilon = spent.epsilonReserved + spent.epsilonUsed + query.epsilonMicro;
  const delta = spent.deltaReserved + spent.deltaUsed + query.deltaNano;
  if (epsilon > clauses.epsilonMicro || delta > clauses.deltaNano) return "BudgetExhausted";
  const releases = spent.releasesReserved + spent.releasesUsed + query.exactReleases;
  return releases > clauses.exactReleases ? "ReleasesExhausted" : "Allowed";
}

function decideJob(clauses: Clauses, facts: Facts, query: Query): Reason {
  if (query.version !== 0) {
    if (query.version < facts.barrierVersion) return "VersionBarred";
    if (query.version !== admissibleVersion(clauses, facts)) return "VersionMismatch";
  }
  const anyProgram = query.algorithmId === zeroDigest || clauses.allowedAlgorithms.length === 0;
  return anyProgram || clauses.allowedAlgorithms.includes(query.algorithmId)
    ? "Allowed"
    : "AlgorithmNotAllowed";
}
