import type { ChainEvent, JobPermitIssued } from "@cos/proto/chain";
import { type Address, asAddress, asDigest, asPermitId, type Digest, type PermitId } from "@cos/protocol";

/** Which jobs a log stops. `before`: only jobs over an older version of the dataset. */
export type StopTarget =
  | { readonly by: "permit"; readonly permitId: PermitId }
  | { readonly by: "grant"; readonly grantId: string }
  | { readonly by: "dataset"; readonly datasetId: string }
  | { readonly by: "version"; readonly datasetId: string; readonly before: number };

/** How a stopped job ends. `EXPIRED` and `FAILED` only where the chain itself refunded for that reason. */
export type StopEnd = "CANCELLED" | "EXPIRED" | "FAILED";

/** What a log means for jobs. */
export type ChainEffect =
  | { readonly effect: "issue"; readonly terms: PermitTerms }
  | {
      readonly effect: "post";
      readonly permitId: PermitId;
      readonly commitment: Digest;
      readonly uri: string;
    }
  | { readonly effect: "pay"; readonly permitId: PermitId }
  | { readonly effect: "stop"; readonly target: StopTarget; readonly end: StopEnd; readonly reason: string };

/** What the orchestrator keeps of a permit. Times are Unix seconds, numbers of datasets and grants decimal. */
export type PermitTerms = {
  readonly permitId: PermitId;
  readonly grantee: Address;
  readonly datasets: readonly PermitDatasetTerms[];
  readonly algorithmId: Digest;
  readonly paramsHash: Digest;
  readonly purposeHash: Digest;
  readonly regionCode: Digest;
  /** Exclusive. */
  readonly expiry: number;
  /** Replicas that the terms ask for; 0 leaves it to the operator. */
  readonly replicas: number;
  readonly epsilonMicro: string;
  readonly deltaNano: string;
  readonly exactReleases: number;
  /** Who carries the job out, and alone may post its result. */
  readonly operator: Address;
};

export type PermitDatasetTerms = {
  readonly grantId: string;
  readonly datasetId: string;
  readonly version: number;
  readonly manifestCommitment: Digest;
};

/** What a log means for jobs; `undefined` for the many logs that mean nothing to them. */
export function chainEffect(event: NonNullable<ChainEvent["event"]>): ChainEffect | undefined {
  switch (event.$case) {
    case "jobPermitIssued":
      return { effect: "issue", terms: toTerms(event.value) };
    case "jobResultPosted":
      return {
        effect: "post",
        permitId: asPermitId(hex(event.value.permitId)),
        commitment: asDigest(hex(event.value.resultCommitment)),
        uri: event.value.resultUri,
      };
    case "jobAccepted":
    case "jobReleased":
    case "jobLapsed":
      return { effect: "pay", permitId: asPermitId(hex(event.value.permitId)) };
    case "jobRefunded":
      return {
        effect: "stop",
        target: { by: "permit", permitId: asPermitId(hex(event.value.permitId)) },
        ...refundEnd(event.value.reason),
      };
    case "accessRevoked":
      return stop({ by: "grant", grantId: event.value.grantId }, "GRANT_REVOKED");
    case "allAccessRevoked":
      return stop({ by: "dataset", datasetId: event.value.datasetId }, "GRANT_REVOKED");
    case "datasetTransferred":
      return stop({ by: "dataset", datasetId: event.value.datasetId }, "DATASET_TRANSFERRED");
    case "datasetStatusChanged":
      return event.value.status === "active"
        ? undefined
        : stop({ by: "dataset", datasetId: event.value.datasetId }, "DATASET_UNAVAILABLE");
    case "datasetVersioned": {
      const { datasetId, version, reason } = event.value;
      return reason === "withdraw" || reason === "consent"
        ? stop({ by: "version", datasetId, before: version }, "VERSION_BARRED")
        : undefined;
    }
    default:
      return undefined;
  }
}

const stop = (target: StopTarget, reason: string): ChainEffect => ({
  effect: "stop",
  target,
  end: "CANCELLED",
  reason,
});

/** How the chain's reason for a refund shows in a job. Unknown reasons cancel: the money is back, so no work goes on. */
function refundEnd(reason: string): { end: StopEnd; reason: string } {
  switch (reason) {
    case "expired":
      return { end: "EXPIRED", reason: "PERMIT_EXPIRED" };
    case "failed":
      return { end: "FAILED", reason: "PERMIT_FAILED" };
    case "ruled":
    case "timeout":
      return { end: "FAILED", reason: "RESULT_OVERRULED" };
    case "revoked":
      return { end: "CANCELLED", reason: "GRANT_REVOKED" };
    default:
      return { end: "CANCELLED", reason: "PERMIT_CANCELLED" };
  }
}

const hex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString("hex")}`;

function toTerms(log: JobPermitIssued): PermitTerms {
  return {
    permitId: asPermitId(hex(log.permitId)),
    grantee: asAddress(hex(log.grantee)),
    datasets: log.datasets.map((dataset) => ({
      grantId: dataset.grantId,
      datasetId: dataset.datasetId,
      version: dataset.version,
      manifestCommitment: asDigest(hex(dataset.manifestCommitment)),
    })),
    algorithmId: asDigest(hex(log.algorithmId)),
    paramsHash: asDigest(hex(log.paramsHash)),
    purposeHash: asDigest(hex(log.purposeHash)),
    regionCode: asDigest(hex(log.regionCode)),
    expiry: Number(log.expiry),
    replicas: log.replicas,
    epsilonMicro: log.epsilonMicro.toString(),
    deltaNano: log.deltaNano.toString(),
    exactReleases: log.exactReleases,
    operator: asAddress(hex(log.operator)),
  };
}
