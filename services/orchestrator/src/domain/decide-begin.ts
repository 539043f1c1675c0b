import type { Address } from "@cos/protocol";
import { type JobState, wantsWork } from "./job-state.ts";

/** One place for a worker at a task. Slots from `wanted` on exist only to break a tie between replicas. */
export type Slot = {
  readonly replica: number;
  /** WAITING: to be published; QUEUED: published; RUNNING: leased; DONE: its output counts. */
  readonly state: "WAITING" | "QUEUED" | "RUNNING" | "DONE";
  readonly worker: Address | undefined;
  /** Unix seconds, exclusive; only of a RUNNING slot. */
  readonly leaseUntil: number;
};

export type BeginDecision =
  | { readonly decision: "RUN"; readonly replica: number }
  | { readonly decision: "DONE" }
  | { readonly decision: "NOT_WANTED" }
  | { readonly decision: "LATER" };

/**
 * Whether `worker` shall run a task that the queue handed it, and in which slot.
 *
 * A task is evaluated by distinct workers wherever another worker is known; a lone worker may fill the ordinary
 * slots by itself, but never break a tie with itself. A live lease is never taken away, not even for its own holder:
 * the queue may have delivered twice while the first delivery is still at work. A worker that was restarted waits until
 * its old lease has run out.
 *
 * @param slots        every slot of the task
 * @param wanted       replicas that the permit asks for
 * @param settled      the task's output stands already
 * @param failedHere   this worker gave the task up for good
 * @param othersKnown  another attested worker of the region was heard of lately
 * @param now          Unix seconds
 */
export function decideBegin(input: {
  jobState: JobState;
  paused: boolean;
  settled: boolean;
  slots: readonly Slot[];
  wanted: number;
  worker: Address;
  failedHere: boolean;
  othersKnown: boolean;
  now: number;
}): BeginDecision {
  if (!wantsWork(input.jobState)) return { decision: "NOT_WANTED" };
  if (input.settled) return { decision: "DONE" };
  if (input.paused) return { decision: "LATER" };

  if (input.failedHere && input.othersKnown) return { decision: "LATER" };

  const isLeased = (slot: Slot) => slot.state === "RUNNING" && slot.leaseUntil > input.now;
  const hasOne = input.slots.some(
    (slot) => slot.worker === input.worker && (slot.state === "DONE" || isLeased(slot)),
  );
  const free = input.slots.find((slot) => {
    if (slot.state === "DONE" || isLeased(slot)) return false;
    return !hasOne || (!input.othersKnown && slot.replica < input.wanted);
  });
  return free ? { decision: "RUN", replica: free.replica } : { decision: "LATER" };
}
