import { err, ok, type Result } from "@cos/protocol";
import { type GiveBackDeps, giveBack } from "./give-back.ts";
import { lockLease, type StaleFence } from "./lock-lease.ts";
import type { InTransaction } from "./ports.ts";

export type FailTaskDeps = GiveBackDeps & { readonly inTransaction: InTransaction };

/** Takes a task back from a worker that gives it up; ends the job when trying again is pointless. @errors `STALE_FENCE` */
export async function failTask(
  deps: FailTaskDeps,
  { fence, code, retryable }: { fence: bigint; code: string; retryable: boolean },
): Promise<Result<null, StaleFence>> {
  return deps.inTransaction(async (tx) => {
    const held = await lockLease(deps, tx, fence);
    if (!held.ok) return held;
    const { job, lease } = held.value;
    if (lease.state === "DONE") return err({ code: "STALE_FENCE", fence });
    await giveBack(deps, tx, job, { ...lease, fence }, { code, retryable });
    return ok(null);
  });
}

/** Takes a task back from a worker that ends: unharmed, for another worker at once. @errors `STALE_FENCE` */
export async function releaseTask(
  deps: FailTaskDeps,
  { fence }: { fence: bigint },
): Promise<Result<null, StaleFence>> {
  return deps.inTransaction(async (tx) => {
    const held = await lockLease(deps, tx, fence);
    if (!held.ok) return held;
    if (held.value.lease.state === "DONE") return err({ code: "STALE_FENCE", fence });
    await deps.tasks.release(tx, held.value.lease, deps.now());
    return ok(null);
  });
}
