import { type Address, assertNever, type Digest } from "@cos/protocol";
import { barsEarlier, type Depth, type SessionFacts } from "./decide-issue.ts";

/**
 * What the gateway remembers of the chain: the few logs that its own decisions rest on, each under its subject. Folding a
 * subject's logs in block order gives its state, so that a log that a reorganisation removes is simply taken out again.
 */
export type ChainFact =
  | { readonly type: "IdentityMinted"; readonly sbtId: string; readonly holder: Address }
  | { readonly type: "IdentityRecovered"; readonly sbtId: string; readonly holder: Address }
  | { readonly type: "IdentityBurned"; readonly sbtId: string }
  | {
      readonly type: "DatasetRegistered";
      readonly datasetId: string;
      readonly owner: Address;
      readonly sbtId: string;
    }
  | {
      readonly type: "DatasetVersioned";
      readonly datasetId: string;
      readonly version: number;
      readonly manifestCommitment: Digest;
      readonly manifestUri: string;
      readonly reason: string;
    }
  | { readonly type: "DatasetStatusChanged"; readonly datasetId: string; readonly status: string }
  | { readonly type: "DatasetTransferred"; readonly datasetId: string; readonly owner: Address }
  | {
      readonly type: "DatasetOwnershipConfirmed";
      readonly datasetId: string;
      readonly owner: Address;
      readonly sbtId: string;
    }
  | {
      readonly type: "TicketsReserved";
      readonly sessionId: Digest;
      readonly grantId: string;
      readonly grantee: Address;
      readonly op: number;
      readonly count: number;
      readonly gateway: Address;
    };

/** `rank`: a log's place among all those that were read with it, in block order. */
export type ChainFactAt = { readonly depth: Depth; readonly fact: ChainFact; readonly rank?: number };

/** The key under which a subject's logs are folded together. */
export function subjectOf(fact: ChainFact): string {
  switch (fact.type) {
    case "IdentityMinted":
    case "IdentityRecovered":
    case "IdentityBurned":
      return identitySubject(fact.sbtId);
    case "DatasetRegistered":
    case "DatasetVersioned":
    case "DatasetStatusChanged":
    case "DatasetTransferred":
    case "DatasetOwnershipConfirmed":
      return datasetSubject(fact.datasetId);
    case "TicketsReserved":
      return sessionSubject(fact.sessionId);
    default:
      return assertNever(fact);
  }
}

export const identitySubject = (sbtId: string): string => `identity:${sbtId}`;
export const datasetSubject = (datasetId: string): string => `dataset:${datasetId}`;
export const sessionSubject = (sessionId: Digest): string => `session:${sessionId}`;

/** The holder of an identity token now; undefined when it was burned or never minted. @param logs in block order */
export function identityHolder(logs: readonly ChainFactAt[]): Address | undefined {
  let holder: Address | undefined;
  for (const { fact } of logs) {
    if (fact.type === "IdentityMinted" || fact.type === "IdentityRecovered") holder = fact.holder;
    else if (fact.type === "IdentityBurned") holder = undefined;
  }
  return holder;
}

/** A dataset as far as deleting its objects goes. */
export type MirroredDataset = {
  readonly datasetId: string;
  readonly withdrawn: boolean;
  /** Identity tokens that held its key, past ones included. */
  readonly keepers: ReadonlySet<string>;
  readonly versions: readonly MirroredVersion[];
};
export type MirroredVersion = {
  readonly version: number;
  readonly manifestCommitment: Digest;
  readonly manifestUri: string;
  readonly reason: string;
  readonly depth: Depth;
  /** Its log's place among those that were read with it. */
  readonly rank: number;
};

/** @param logs in block order */
export function foldDataset(datasetId: string, logs: readonly ChainFactAt[]): MirroredDataset {
  const keepers = new Set<string>();
  const versions = new Map<number, MirroredVersion>();
  let withdrawn = false;
  for (const [at, { fact, depth, rank = at }] of logs.entries()) {
    if (fact.type === "DatasetRegistered" || fact.type === "DatasetOwnershipConfirmed")
      keepers.add(fact.sbtId);
    else if (fact.type === "DatasetStatusChanged") withdrawn = fact.status === "withdrawn";
    else if (fact.type === "DatasetVersioned") {
      const { version, manifestCommitment, manifestUri, reason } = fact;
      versions.set(version, { version, manifestCommitment, manifestUri, reason, depth, rank });
    }
  }
  return { datasetId, withdrawn, keepers, versions: [...versions.values()] };
}

/** The versions that no withdrawal or changed consent bars; none of a withdrawn dataset. */
export function standingVersions(dataset: MirroredDataset): readonly MirroredVersion[] {
  if (dataset.withdrawn) return [];
  const barrier = Math.max(0, ...dataset.versions.filter((v) => barsEarlier(v.reason)).map((v) => v.version));
  return dataset.versions.filter((v) => v.version >= barrier);
}

/** Tickets reserved for this gateway; undefined for an unknown session. */
export type ReservedSession = Omit<SessionFacts, "issued">;

export function foldSession(logs: readonly ChainFactAt[]): ReservedSession | undefined {
  const log = logs.at(-1);
  if (log?.fact.type !== "TicketsReserved") return undefined;
  const { grantId, grantee, op, count, gateway } = log.fact;
  return { grantId, grantee, op, reserved: count, gateway, depth: log.depth };
}
