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
};

export function createMirrorMonitor(): MirrorMonitor {
  let progress: MirrorProgress = { state: "catching-up", syncedAt: 0, tip: -1, head: -1, haltReason: "" };
  return {
    read: () => progress,
    note: (step, at) => {
      progress = after(progress, step, at);
    },
  };
}

function after(before: MirrorProgress, step: MirrorStep, at: number): MirrorProgress {
  switch (step.did) {
    case "halted":
      return { ...before, state: "halted", haltReason: step.reason };
    case "rolled-back":
      return { ...before, state: "catching-up", tip: step.to, haltReason: "" };
    default: {
      const { tip, head, synced } = step;
      const syncedAt = synced ? at : before.syncedAt;
      return { state: synced ? "following" : "catching-up", syncedAt, tip, head, haltReason: "" };
    }
  }
}
