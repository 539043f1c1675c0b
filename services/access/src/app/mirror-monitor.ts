import type { MirrorFreshness } from "../domain/check-access.ts";
import type { MirrorStep } from "./mirror.ts";

/** What this process knows of the mirror's progress. Heights are -1 before the first look at the chain. */
export type MirrorProgress = MirrorFreshness & {
  readonly tip: number;
  readonly head: number;
  readonly haltReason: string;
};

/** Keeps the newest progress, for health, status and freshness. */
export type MirrorMonitor = {
  read(): MirrorProgress;
  /** @param at Unix seconds at which the step began: what it saw is at least as old */
  note(step: MirrorStep, at: number): void;
  /** What the second node says against the first; undefined when they agree, or when there is no second. */
  noteDispute(dispute: string | undefined): void;
};

export type MonitorOptions = {
  /** A head whose block is older, in seconds, is that of a node that stands still; 0 takes any head for present. */
  readonly maxHeadAgeSeconds: number;
  /** With a second node nothing is permitted before it has agreed once. */
  readonly hasWitness: boolean;
};

export function createMirrorMonitor({ maxHeadAgeSeconds, hasWitness }: MonitorOptions): MirrorMonitor {
  let dispute = hasWitness ? "the second node was not heard yet" : undefined;
  let progress: MirrorProgress = { state: "catching-up", syncedAt: 0, tip: -1, head: -1, haltReason: "" };
  return {
    read: () => (dispute === undefined ? progress : { ...progress, dispute }),
    note: (step, at) => {
      progress = after(progress, step, at, maxHeadAgeSeconds);
    },
    noteDispute: (present) => {
      dispute = present;
    },
  };
}

function after(
  before: MirrorProgress,
  step: MirrorStep,
  at: number,
  maxHeadAgeSeconds: number,
): MirrorProgress {
  switch (step.did) {
    case "halted":
      return { ...before, state: "halted", haltReason: step.reason };
    case "rolled-back":
      return { ...before, state: "catching-up", tip: step.to, haltReason: "" };
    default: {
      const { tip, head, headTime } = step;
      const present = maxHeadAgeSeconds === 0 || at - headTime <= maxHeadAgeSeconds;
      const synced = step.synced && present;
      const syncedAt = synced ? at : before.syncedAt;
      return { state: synced ? "following" : "catching-up", syncedAt, tip, head, haltReason: "" };
    }
  }
}
