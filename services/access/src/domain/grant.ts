import { type AccessGranted, AccessGranted as AccessGrantedMessage } from "@cos/proto/chain";
import {
  type Address,
  asAddress,
  asAlgorithmId,
  asDatasetId,
  asDigest,
  asGrantId,
  type Clauses,
  type Counters,
  type DatasetId,
  type Digest,
  type GrantId,
  noCounters,
  type OutputPolicy,
  rateIndexAt,
  type VersionPolicy,
} from "@cos/protocol";
import { type ChainLog, toHex } from "./chain-log.ts";

/** The privacy charge that one permit reserved. */
export type Charge = {
  readonly epsilonMicro: bigint;
  readonly deltaNano: bigint;
  readonly exactReleases: number;
  /** Rate window in which the permit was issued. */
  readonly rateIndex: bigint;
};

/** A request for access and the grant that answers it: the contract gives both one number. */
export type Grant = {
  readonly grantId: GrantId;
  readonly datasetId: DatasetId;
  readonly grantee: Address;
  readonly sbtId: string;
  readonly opMask: number;
  readonly purposeHash: Digest;
  readonly termsHash: Digest;
  readonly uri: string;
  /** Revocation by epoch is the dataset's; here is only what the grant's own logs say. */
  readonly state: "requested" | "granted" | "declined" | "revoked";
  /** Unix seconds. */
  readonly requestedAt: number;
  readonly granted: Granted | undefined;
  readonly spent: Counters;
  /** Charges of permits under way, by permit id. */
  readonly reservations: Readonly<Record<string, Charge>>;
};

/** What the owner granted. `terms` is the log's own message, base64. */
export type Granted = {
  readonly clauses: Clauses;
  readonly owner: Address;
  readonly epoch: bigint;
  /** Unix seconds. */
  readonly at: number;
  readonly terms: string;
};

/** Folds one log into a grant; logs about other things leave it as it is. */
export function evolveGrant(state: Grant | undefined, log: ChainLog): Grant | undefined {
  const { fact } = log;
  if (fact.$case === "accessRequested") return requested(fact.value, log.blockTime);
  if (!state) return undefined;
  switch (fact.$case) {
    case "accessDeclined":
      return { ...state, state: "declined" };
    case "accessGranted":
      return { ...state, state: "granted", opMask: fact.value.opMask, granted: granted(fact.value, log) };
    case "accessRevoked":
      return { ...state, state: "revoked" };
    default:
      return spend(state, log);
  }
}

type Requested = Extract<ChainLog["fact"], { $case: "accessRequested" }>["value"];

const requested = (fact: Requested, requestedAt: number): Grant => ({
  grantId: asGrantId(fact.requestId),
  datasetId: asDatasetId(fact.datasetId),
  grantee: asAddress(toHex(fact.grantee)),
  sbtId: fact.sbtId,
  opMask: fact.opMask,
  purposeHash: asDigest(toHex(fact.purposeHash)),
  termsHash: asDigest(toHex(fact.termsHash)),
  uri: fact.uri,
  state: "requested",
  requestedAt,
  granted: undefined,
  spent: noCounters,
  reservations: {},
});

const granted = (fact: AccessGranted, { blockTime }: ChainLog): Granted => ({
  clauses: toClauses(fact),
  owner: asAddress(toHex(fact.owner)),
  epoch: fact.epoch,
  at: blockTime,
  terms: Buffer.from(AccessGrantedMessage.encode(fact).finish()).toString("base64"),
});

const toClauses = (fact: AccessGranted): Clauses => ({
  sbtId: BigInt(fact.sbtId),
  grantee: asAddress(toHex(fact.grantee)),
  datasetId: asDatasetId(fact.datasetId),
  opMask: fact.opMask,
  allowedAlgorithms: fact.allowedAlgorithms.map((id) => asAlgorithmId(toHex(id))),
  purposeHash: asDigest(toHex(fact.purposeHash)),
  notBefore: fact.notBefore,
  expiry: fact.expiry,
  maxRuns: Number(fact.maxRuns),
  maxTickets: Number(fact.maxTickets),
  rateMax: fact.rateMax,
  rateWindow: fact.rateWindowSeconds,
  regionCode: asDigest(toHex(fact.regionCode)),
  epsilonMicro: fact.epsilonMicro,
  deltaNano: fact.deltaNano,
  exactReleases: fact.exactReleases,
  outputPolicy: fact.outputPolicy as OutputPolicy,
  termsHash: asDigest(toHex(fact.termsHash)),
  versionPolicy: fact.versionPolicy as VersionPolicy,
  pinnedVersion: fact.pinnedVersion,
  graceSeconds: fact.graceSeconds,
  auditEachUse: fact.auditEachUse,
  feeToken: asAddress(toHex(fact.feeToken)),
  feePerUse: BigInt(fact.feePerUse),
  workFee: BigInt(fact.workFee),
  computeBps: fact.computeBps,
  authorBps: fact.authorBps,
  autoAuthorise: fact.autoAuthorise,
});

/** Counters move as `AccessACL` moves them: a reservation is taken, then used or given back. */
function spend(state: Grant, { fact, blockTime }: ChainLog): Grant {
  switch (fact.$case) {
    case "runReserved": {
      const { epsilonMicro, deltaNano, exactReleases } = fact.value;
      const rateIndex = state.granted ? rateIndexAt(state.granted.clauses, BigInt(blockTime)) : 0n;
      const charge = { epsilonMicro, deltaNano, exactReleases, rateIndex };
      return {
        ...state,
        spent: reserve(state.spent, charge),
        reservations: { ...state.reservations, [toHex(fact.value.permitId)]: charge },
      };
    }
    case "runUsed":
      return settle(state, toHex(fact.value.permitId), true);
    case "runReturned":
      return settle(state, toHex(fact.value.permitId), false);
    case "ticketsReserved": {
      const ticketsReserved = state.spent.ticketsReserved + Number(fact.value.count);
      return { ...state, spent: { ...state.spent, ticketsReserved } };
    }
    default:
      return state;
  }
}

const reserve = (spent: Counters, charge: Charge): Counters => ({
  ...addReserved(spent, charge, 1),
  rateCount: spent.rateIndex === charge.rateIndex ? spent.rateCount + 1 : 1,
  rateIndex: charge.rateIndex,
});

function settle(state: Grant, permitId: string, used: boolean): Grant {
  const charge = state.reservations[permitId];
  if (!charge) return state;
  const { [permitId]: _taken, ...reservations } = state.reservations;
  const freed = addReserved(state.spent, charge, -1);
  return { ...state, reservations, spent: used ? addUsed(freed, charge) : freed };
}

/** The counters as they were for a permit when it was issued: without its own reservation and its own place in the rate. */
export function withoutReservation(spent: Counters, charge: Charge): Counters {
  const rateCount = spent.rateIndex === charge.rateIndex ? spent.rateCount - 1 : spent.rateCount;
  return { ...addReserved(spent, charge, -1), rateCount };
}

const addReserved = (spent: Counters, charge: Charge, sign: 1 | -1): Counters => ({
  ...spent,
  runsReserved: spent.runsReserved + sign,
  epsilonReserved: spent.epsilonReserved + BigInt(sign) * charge.epsilonMicro,
  deltaReserved: spent.deltaReserved + BigInt(sign) * charge.deltaNano,
  releasesReserved: spent.releasesReserved + sign * charge.exactReleases,
});

const addUsed = (spent: Counters, charge: Charge): Counters => ({
  ...spent,
  runsUsed: spent.runsUsed + 1,
  epsilonUsed: spent.epsilonUsed + charge.epsilonMicro,
  deltaUsed: spent.deltaUsed + charge.deltaNano,
  releasesUsed: spent.releasesUsed + charge.exactReleases,
});
