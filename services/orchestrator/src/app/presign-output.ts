import { type Digest, err, ok, type Result } from "@cos/protocol";
import type { StaleFence } from "./lock-lease.ts";
import type { Clock, InTransaction, Objects, TaskRecords, UploadRecords } from "./ports.ts";

export type PresignOutputDeps = {
  readonly tasks: TaskRecords;
  readonly uploads: UploadRecords;
  readonly objects: Objects;
  readonly inTransaction: InTransaction;
  readonly now: Clock;
};

export type PresignOutputError =
  | StaleFence
  /** More bytes than the plan allows the task. */
  | { code: "OUTPUT_TOO_LARGE"; sizeBytes: number; maxBytes: number };

/**
 * A place for a task's output under its digest; an empty URL when the object is there already. Only what a worker was
 * given a place for is ever swept: an object that was there before, a dataset's block for instance, is not the worker's
 * to have deleted by naming its digest.
 * @errors `STALE_FENCE`, `OUTPUT_TOO_LARGE`
 */
export async function presignOutput(
  deps: PresignOutputDeps,
  { fence, digest, sizeBytes }: { fence: bigint; digest: Digest; sizeBytes: number },
): Promise<Result<string, PresignOutputError>> {
  const there = (await deps.objects.sizeOf(digest)) === sizeBytes;
  const refused = await deps.inTransaction(async (tx): Promise<PresignOutputError | undefined> => {
    const lease = await deps.tasks.byFence(tx, fence);
    const task = lease && (await deps.tasks.find(tx, lease.jobId, lease.taskId));
    if (lease?.state !== "RUNNING" || !task) return { code: "STALE_FENCE", fence };
    if (sizeBytes > task.maxOutputBytes) {
      return { code: "OUTPUT_TOO_LARGE", sizeBytes, maxBytes: task.maxOutputBytes };
    }
    if (there) await deps.uploads.touch(tx, digest, deps.now());
    else await deps.uploads.add(tx, digest, deps.now());
    return undefined;
  });
  if (refused) return err(refused);
  return ok(there ? "" : await deps.objects.writeUrl({ digest, sizeBytes }));
}
