import type { AuditEvent } from "@cos/client";
import type { AuditRow } from "./report-data.ts";

const steps: Readonly<Record<string, readonly [step: string, actor: string]>> = {
  IdentityMinted: ["identity", "each party"],
  DatasetRegistered: ["publish", "hospital"],
  DatasetVersioned: ["publish", "hospital"],
  DatasetStatusChanged: ["publish", "hospital"],
  AccessRequested: ["request", "researcher"],
  AccessGranted: ["grant", "hospital"],
  AccessDeclined: ["grant", "hospital"],
  AccessRevoked: ["revoke", "hospital"],
  AllAccessRevoked: ["revoke", "hospital"],
  JobProposed: ["permit", "researcher"],
  JobAuthorised: ["permit", "hospital's signature"],
  JobPermitIssued: ["permit", "researcher"],
  RunReserved: ["permit", "contract"],
  FeeLocked: ["permit", "contract"],
  ReplicaAttested: ["compute", "worker"],
  JobResultPosted: ["result", "operator"],
  JobAccepted: ["settle", "operator"],
  RunUsed: ["settle", "contract"],
  RunReturned: ["refund", "contract"],
  Credited: ["settle", "contract"],
  UseLogged: ["use", "operator"],
  UseBatchLogged: ["use", "operator"],
  JobReleased: ["release", "hospital"],
  JobRefunded: ["refund", "contract"],
  JobLapsed: ["lapse", "contract"],
  JobChallenged: ["challenge", "challenger"],
  JobRuled: ["challenge", "arbiter"],
};

/** Trails of a dataset, a grant and a permit as one, each log once, in block order. */
export function mergeTrails(trails: readonly (readonly AuditEvent[])[]): AuditEvent[] {
  const byIdentity = new Map(
    trails.flat().map((event) => [`${event.blockNumber}/${event.transaction}/${event.logIndex}`, event]),
  );
  return [...byIdentity.values()].sort((a, b) => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex);
}

export const auditRows = (events: readonly AuditEvent[]): AuditRow[] =>
  events.map(({ contract, event, blockNumber, blockTime, transaction }) => {
    const [step, actor] = steps[event] ?? ["other", ""];
    return {
      step,
      actor,
      event: `${contract}.${event}`,
      blockNumber,
      blockTime,
      transactionHash: transaction,
    };
  });
