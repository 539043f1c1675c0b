import type { Address, AlgorithmId, DatasetId, Digest, GrantId } from "../ids.ts";
import { anyRegion } from "../region.ts";
import { err, ok, type Result } from "../result.ts";
import { admissibleVersion, decideClauses, rateIndexAt } from "./decide-clauses.ts";
import type { Clauses, Counters, Facts, GrantState, Query } from "./grant-terms.ts";
import { datasetWithdrawn, type RefusalCode, type RefusalReason, refusalCodes } from "./refusal-reason.ts";

/** A grant as mirrored. `identityLive`: the identity token that it names is with its grantee. */
export type GrantView = {
  readonly grantId: GrantId;
  readonly state: GrantState;
  readonly clauses: Clauses;
  readonly spent: Counters;
  readonly identityLive: boolean;
};

/** A dataset as mirrored. `ownerLive`: the owner's identity token is with the dataset's owner. */
export type DatasetView = {
  readonly datasetId: DatasetId;
  readonly status: "active" | "paused" | "withdrawn";
  readonly transferPending: boolean;
  readonly ownerLive: boolean;
  readonly latestVersion: number;
  readonly barrierVersion: number;
};

/** "May X do Y on Z now?" Fields left out ask for nothing: no ticket, no privacy charge, no particular job. */
export type AccessQuery = {
  readonly datasetId: DatasetId;
  readonly grantee: Address;
  readonly op: number;
  readonly purposeHash: Digest;
  readonly regionCode: Digest;
  readonly tickets?: number;
  readonly epsilonMicro?: bigint;
  readonly deltaNano?: bigint;
  readonly exactReleases?: number;
  readonly version?: number;
  readonly algorithmId?: AlgorithmId;
};

/** Unix seconds by the service's clock and by the newest mirrored block: both must lie in the grant's window. */
export type Instants = { readonly clock: number; readonly block: number };

/** A refusal: what refused, the clause behind it, and the values that prove it (strings, so that JSON holds them). */
export type Refusal = {
  readonly code: RefusalCode;
  readonly clause: number;
  readonly facts: Readonly<Record<string, string>>;
};

/**
 * Decides one access by the ten clauses, off chain: as strict as the contract, or stricter; never looser.
 *
 * Stricter in two ways: the grant must be one for the dataset asked about, and the time must lie in the window by
 * the service's clock as well as by block time. An unknown grant or dataset refuses (default deny).
 *
 * @returns the version that a permit may name now
 * @errors a `Refusal`: the first clause that refuses, in the contract's order
 */
export function mayAccess(
  grant: GrantView | undefined,
  dataset: DatasetView | undefined,
  query: AccessQuery,
  now: Instants,
): Result<{ version: number }, Refusal> {
  if (!grant || !dataset || !isAbout(grant, dataset, query)) {
    const facts = { datasetId: query.datasetId, grantId: grant?.grantId ?? "" };
    return err({ ...refusalCodes.UnknownGrant, facts });
  }
  const facts = factsOf(grant, dataset);
  for (const at of [now.block, now.clock]) {
    const asked = toQuery(query, at);
    const reason = decideClauses(grant.clauses, grant.spent, facts, asked);
    if (reason !== "Allowed") return err(refuse(reason as RefusalReason, grant, dataset, asked));
  }
  return ok({ version: admissibleVersion(grant.clauses, facts) });
}

const isAbout = (grant: GrantView, dataset: DatasetView, query: AccessQuery): boolean =>
  grant.clauses.datasetId === query.datasetId && dataset.datasetId === query.datasetId;

const factsOf = (grant: GrantView, dataset: DatasetView): Facts => ({
  state: grant.state,
  identityLive: grant.identityLive,
  datasetLive: dataset.status === "active" && !dataset.transferPending && dataset.ownerLive,
  latestVersion: dataset.latestVersion,
  barrierVersion: dataset.barrierVersion,
});

const toQuery = (query: AccessQuery, at: number): Query => ({
  grantee: query.grantee,
  op: query.op,
  purposeHash: query.purposeHash,
  regionCode: query.regionCode,
  at: BigInt(at),
  tickets: query.tickets ?? 0,
  epsilonMicro: query.epsilonMicro ?? 0n,
  deltaNano: query.deltaNano ?? 0n,
  exactReleases: query.exactReleases ?? 0,
  version: query.version ?? 0,
  algorithmId: query.algorithmId ?? (anyRegion as string as AlgorithmId),
});

function refuse(reason: RefusalReason, grant: GrantView, dataset: DatasetView, query: Query): Refusal {
  const gone = reason === "DatasetUnavailable" && dataset.status === "withdrawn";
  const { code, clause } = gone ? datasetWithdrawn : refusalCodes[reason];
  return { code, clause, facts: { grantId: grant.grantId, ...proofOf(reason, grant, dataset, query) } };
}

type Proof = (
  grant: GrantView,
  dataset: DatasetView,
  query: Query,
) => Record<string, string | number | bigint | boolean>;

/** The values that prove each refusal. */
const proofs: Record<RefusalReason, Proof> = {
  UnknownGrant: () => ({}),
  NotGranted: ({ state }) => ({ state }),
  Revoked: () => ({}),
  WrongGrantee: ({ clauses }, _, query) => ({ granted: clauses.grantee, asked: query.grantee }),
  IdentityNotLive: ({ clauses }) => ({ sbtId: clauses.sbtId, grantee: clauses.grantee }),
  DatasetUnavailable: (_, { datasetId, status, transferPending, ownerLive }) => ({
    datasetId,
    status,
    transferPending,
    ownerLive,
  }),
  WrongOperation: ({ clauses }, _, query) => ({ granted: clauses.opMask, asked: query.op }),
  WrongPurpose: ({ clauses }, _, query) => ({ granted: clauses.purposeHash, asked: query.purposeHash }),
  NotYetValid: ({ clauses }, _, { at }) => ({ notBefore: clauses.notBefore, at }),
  Expired: ({ clauses }, _, { at }) => ({ expiry: clauses.expiry, at }),
  WrongRegion: ({ clauses }, _, query) => ({ granted: clauses.regionCode, asked: query.regionCode }),
  RunsExhausted: ({ clauses, spent }) => ({
    maxRuns: clauses.maxRuns,
    reserved: spent.runsReserved,
    used: spent.runsUsed,
  }),
  TicketsExhausted: ({ clauses, spent }, _, query) => ({
    maxTickets: clauses.maxTickets,
    reserved: spent.ticketsReserved,
    asked: query.tickets,
  }),
  RateExceeded: ({ clauses, spent }, _, { at }) => ({
    rateMax: clauses.rateMax,
    rateWindow: clauses.rateWindow,
    issued: spent.rateCount,
    window: rateIndexAt(clauses, at),
  }),
  BudgetExhausted: ({ clauses, spent }, _, query) => ({
    epsilonMicro: clauses.epsilonMicro,
    epsilonSpentMicro: spent.epsilonReserved + spent.epsilonUsed,
    epsilonAskedMicro: query.epsilonMicro,
    deltaNano: clauses.deltaNano,
    deltaSpentNano: spent.deltaReserved + spent.deltaUsed,
    deltaAskedNano: query.deltaNano,
  }),
  ReleasesExhausted: ({ clauses, spent }, _, query) => ({
    exactReleases: clauses.exactReleases,
    spent: spent.releasesReserved + spent.releasesUsed,
    asked: query.exactReleases,
  }),
  VersionBarred: (_, dataset, query) => ({ barrierVersion: dataset.barrierVersion, asked: query.version }),
  VersionMismatch: (grant, dataset, query) => ({
    admissible: admissibleVersion(grant.clauses, dataset),
    asked: query.version,
  }),
  AlgorithmNotAllowed: (_grant, _dataset, query) => ({ asked: query.algorithmId }),
};

const proofOf = (reason: RefusalReason, ...about: Parameters<Proof>): Record<string, string> =>
  Object.fromEntries(Object.entries(proofs[reason](...about)).map(([name, value]) => [name, String(value)]));
