import { err, ok, type Result } from "@cos/protocol";
import type { Job } from "../domain/job.ts";
import type { JobRecords, Lease, TaskRecords, Tx } from "./ports.ts";

/** The fence is not the replica's any more: somebody else has it, or nobody. */
export type StaleFence = { code: "STALE_FENCE"; fence: bigint };

/**
 * A running or finished replica by its fence, with its job's row locked. The job's lock is always the first one taken,
 * so that no two calls can wait for each other. @errors `STALE_FENCE`
 */
export async function lockLease(
  { jobs, tasks }: { jobs: JobRecords; tasks: TaskRecords },
  tx: Tx,
  fence: bigint,
): Promise<Result<{ job: Job; lease: Lease }, StaleFence>> {
  const seen = await tasks.byFence(tx, fence);
  const job = seen && (await jobs.lock(tx, seen.jobId));
  const lease = job && (await tasks.byFence(tx, fence));
  if (!lease || (lease.state !== "RUNNING" && lease.state !== "DONE"))
    return err({ code: "STALE_FENCE", fence });
  return ok({ job, lease });
}
