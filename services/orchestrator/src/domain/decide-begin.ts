import type { Address } from "@cos/protocol";
import { type JobState, wantsWork } from "./job-state.ts";

/** One place for a worker at a task. Slots from `wanted` on break a tie, or race a straggler. */
export type Slot = {
  readonly replica: number;
  /** WAITING: to be published; QUEUED: published; RUNNING: leased; DONE: its output counts. */
  readonly state: "WAITING" | "QUEUED" | "RUNNING" | "DONE";
  readonly worker: Address | undefined;
  /** Unix seconds, exclusive; only of a RUNNING slot. */
  readonly leaseUntil: number;
  /** How often it was handed to a worker that may not run it, since it last ran. */
  readonly bounced: number;
};

export type BeginDecision =
  | { readonly decision: "RUN"; readonly replica: number }
  | { readonly decision: "DONE" }
  | { readonly decision: "NOT_WANTED" }
  /** `requeue`: the slot whose message this was, to be published anew; `undefined`: nothing lost its message. */
  | { readonly decision: "LATER"; readonly requeue: Slot | undefined };

/**
 * Whether `worker` shall run a task that the queue handed it, and in which slot.
 *
 * A task is evaluated by distinct workers wherever another worker is known; a lone worker may fill the ordinary
 * slots by itself, but never break a tie or race itself. A live lease is never taken away, not even for its own holder:
 * the queue may have delivered twice while the first delivery is still at work. A worker that was restarted waits until
 * its old lease has run out.
 *
 * The message is used up whatever is decided: a slot that is left without one is named in `requeue`.
 *
 * @param slots        every slot of the task
 * @param named        replica that the message names
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
  named: number | undefined;
  wanted: number;
  worker: Address;
  failedHere: boolean;
  othersKnown: boolean;
  now: number;
}): BeginDecision {
  if (!wantsWork(input.jobState)) return { decision: "NOT_WANTED" };
  if (input.settled) return { decision: "DONE" };

  // The named slot first, so that each slot keeps the message that was published for it.
  const slots = [...input.slots].sort(
    (a, b) => Number(b.replica === input.named) - Number(a.replica === input.named) || a.replica - b.replica,
  );
  const later = { decision: "LATER", requeue: slots.find((slot) => slot.state === "QUEUED") } as const;
  if (input.paused || (input.failedHere && input.othersKnown)) return later;

  const isLeased = (slot: Slot) => slot.state === "RUNNING" && slot.leaseUntil > input.now;
  const hasOne = slots.some(
    (slot) => slot.worker === input.worker && (slot.state === "DONE" || isLeased(slot)),
  );
  const free = slots.find((slot) => {
    if (slot.state === "DONE" || isLeased(slot)) return false;
    return !hasOne || (!input.othersKnown && slot.replica < input.wanted);
  });
  return free ? { decision: "RUN", replica: free.replica } : later;
}

/**
 * How long a slot waits before it is published again, in seconds: not at all the first times, because a neighbouring
 * partition most likely belongs to a worker that may run it; then 1, 2, 4, up to 8.
 */
export const requeueDelaySeconds = (bounced: number): number =>
  bounced < 4 ? 0 : Math.min(8, 2 ** (bounced - 4));
