import type { Address } from "@cos/protocol";
import { anyRegionName } from "../domain/region-name.ts";
import type { Authority, Clock, InTransaction, WorkerRecords } from "./ports.ts";

export type AnnounceWorkerDeps = {
  readonly workers: WorkerRecords;
  readonly authority: Authority;
  readonly inTransaction: InTransaction;
  readonly now: Clock;
};

/**
 * Notes a worker that is there, or one that leaves. A region that it is not attested for does not count on it: others
 * would leave tasks to it that it may not begin.
 */
export async function announceWorker(
  deps: AnnounceWorkerDeps,
  announced: {
    readonly worker: Address;
    readonly regions: readonly string[];
    readonly capacity: number | undefined;
    readonly leaving: boolean;
  },
): Promise<void> {
  const { worker, capacity } = announced;
  if (announced.leaving) return deps.inTransaction((tx) => deps.workers.left(tx, worker));
  const regions = await attested(deps.authority, worker, announced.regions);
  await deps.inTransaction((tx) => deps.workers.seen(tx, worker, regions, deps.now(), capacity));
}

/** While the mirror cannot be asked, a worker is taken by its word: beginning a task asks again. */
async function attested(
  authority: Authority,
  worker: Address,
  regions: readonly string[],
): Promise<readonly string[]> {
  if (regions.every((region) => region === anyRegionName)) return regions;
  try {
    const region = await authority.regionOf(worker);
    return regions.filter((name) => name === anyRegionName || name === region);
  } catch {
    return regions;
  }
}
