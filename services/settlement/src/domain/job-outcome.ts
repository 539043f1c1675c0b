import type { JobEvent } from "@cos/proto/compute";
import { asDigest, type JobOutcome } from "@cos/protocol";
import { toHex } from "./chain-log.ts";

/** What a job's event means for its permit. `doubt`: the job was stopped because a grant may have fallen. */
export type JobNews =
  | { readonly kind: "outcome"; readonly outcome: JobOutcome }
  | { readonly kind: "doubt" }
  | { readonly kind: "nothing" };

/** Reads a job's event. A cancelled job has no outcome: either the chain refunded already, or a fallen grant is voided. */
export function toJobNews(event: NonNullable<JobEvent["event"]>): JobNews {
  switch (event.$case) {
    case "jobPlanned":
      return { kind: "nothing" };
    case "jobCompleted": {
      const commitment = asDigest(toHex(event.value.resultCommitment));
      return { kind: "outcome", outcome: { kind: "completed", commitment, uri: event.value.resultUri } };
    }
    case "jobRejected":
    case "jobFailed":
      return { kind: "outcome", outcome: { kind: "failed", code: event.value.reason } };
    case "jobCancelled":
      return { kind: "doubt" };
  }
}
