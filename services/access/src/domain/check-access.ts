import {
  type AccessQuery,
  type DatasetView,
  err,
  GrantState,
  type GrantView,
  type Instants,
  mayAccess,
  type Refusal,
  type Result,
  refusalCodes,
} from "@cos/protocol";
import { type Dataset, latestVersionOf } from "./dataset.ts";
import { type Grant, withoutReservation } from "./grant.ts";
import type { Identity } from "./identity.ts";

/** Everything mirrored that one question touches, at one depth. */
export type AccessFacts = {
  readonly grant: Grant | undefined;
  readonly dataset: Dataset | undefined;
  readonly granteeIdentity: Identity | undefined;
  readonly ownerIdentity: Identity | undefined;
};

/** How far the mirror is. `syncedAt`: the last clock second at which it had read everything up to the chain's head. */
export type MirrorFreshness = {
  readonly state: "following" | "catching-up" | "halted";
  readonly syncedAt: number;
  /** What a second, independent node says against the first one's chain; absent when they agree. */
  readonly dispute?: string;
};

export type CheckError =
  | Refusal
  /** A permission cannot be given: the mirror has not seen the head for longer than the configured bound. */
  | { readonly code: "MIRROR_BEHIND"; readonly lagSeconds: number; readonly maxLagSeconds: number }
  /** A permission cannot be given: the mirror stopped before an impossible reorganisation. */
  | { readonly code: "MIRROR_HALTED" }
  /** A permission cannot be given: two independent nodes tell different chains, or the second is silent. */
  | { readonly code: "MIRROR_DISPUTED"; readonly reason: string };

/**
 * Decides one access. Refusing needs only the head: a refusal by the newest blocks, confirmed or not, counts.
 * Permission needs both depths to allow it and a mirror that has read the head within `maxLagSeconds`.
 *
 * @param permitId a permit under way whose own reservation is not counted against it
 * @returns the dataset version that a permit may name now
 */
export function checkAccess(
  facts: { readonly confirmed: AccessFacts; readonly head: AccessFacts },
  query: AccessQuery,
  permitId: string | undefined,
  now: Instants,
  mirror: MirrorFreshness & { readonly maxLagSeconds: number },
): Result<{ version: number }, CheckError> {
  const atHead = decide(facts.head, query, permitId, now);
  if (!atHead.ok) return atHead;
  const confirmed = decide(facts.confirmed, query, permitId, now);
  if (!confirmed.ok) return confirmed;
  if (mirror.state === "halted") return err({ code: "MIRROR_HALTED" });
  if (mirror.dispute !== undefined) return err({ code: "MIRROR_DISPUTED", reason: mirror.dispute });
  const lagSeconds = now.clock - mirror.syncedAt;
  if (lagSeconds > mirror.maxLagSeconds) {
    return err({ code: "MIRROR_BEHIND", lagSeconds, maxLagSeconds: mirror.maxLagSeconds });
  }
  return confirmed;
}

function decide(
  facts: AccessFacts,
  query: AccessQuery,
  permitId: string | undefined,
  now: Instants,
): Result<{ version: number }, Refusal> {
  const { grant } = facts;
  if (grant && !grant.granted && grant.datasetId === query.datasetId) {
    return err({ ...refusalCodes.NotGranted, facts: { grantId: grant.grantId, state: grant.state } });
  }
  return mayAccess(toGrantView(facts, permitId), toDatasetView(facts), query, now);
}

function toGrantView(facts: AccessFacts, permitId: string | undefined): GrantView | undefined {
  const { grant, dataset, granteeIdentity } = facts;
  if (!grant?.granted) return undefined;
  const { clauses } = grant.granted;
  const own = permitId === undefined ? undefined : grant.reservations[permitId];
  return {
    grantId: grant.grantId,
    state: stateOf(grant, dataset),
    clauses,
    spent: own ? withoutReservation(grant.spent, own) : grant.spent,
    identityLive: granteeIdentity?.holder === clauses.grantee,
  };
}

/** Whether the grant was revoked, by itself or with its dataset's epoch. */
export const isRevoked = (grant: Grant, dataset: Dataset | undefined): boolean =>
  grant.state === "revoked" ||
  (grant.granted !== undefined && dataset !== undefined && grant.granted.epoch < dataset.grantEpoch);

function stateOf(grant: Grant, dataset: Dataset | undefined): GrantState {
  if (isRevoked(grant, dataset)) return GrantState.Revoked;
  return grant.state === "granted" ? GrantState.Granted : GrantState.Declined;
}

function toDatasetView({ dataset, ownerIdentity }: AccessFacts): DatasetView | undefined {
  if (!dataset) return undefined;
  return {
    datasetId: dataset.datasetId,
    status: dataset.status,
    transferPending: dataset.transferPending,
    ownerLive: isOwnerLive(dataset, ownerIdentity),
    latestVersion: latestVersionOf(dataset),
    barrierVersion: dataset.barrierVersion,
  };
}

/** Whether the identity token that holds the dataset's key is with the dataset's owner. */
export const isOwnerLive = (dataset: Dataset, ownerIdentity: Identity | undefined): boolean =>
  ownerIdentity?.holder === dataset.owner;
