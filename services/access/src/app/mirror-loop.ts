import { setTimeout as delay } from "node:timers/promises";
import type { MirrorStep } from "./mirror.ts";
import type { MirrorMonitor } from "./mirror-monitor.ts";

export type MirrorLoopDeps = {
  readonly step: () => Promise<MirrorStep>;
  readonly monitor: MirrorMonitor;
  /** Unix seconds. */
  readonly now: () => number;
  readonly pollMs: number;
  /** Told of each step, and of the mirror's height before it. */
  readonly onStep: (step: MirrorStep, tipBefore: number) => void;
  readonly onFailure: (error: unknown, attempt: number) => void;
};

const maxBackoffMs = 5_000;

/** Runs mirror steps one after the other until `signal` aborts: at once while there is more to read, else every `pollMs`. */
export async function runMirrorLoop(deps: MirrorLoopDeps, signal: AbortSignal): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    const at = deps.now();
    let pauseMs = deps.pollMs;
    try {
      const step = await deps.step();
      failures = 0;
      const tipBefore = deps.monitor.read().tip;
      deps.monitor.note(step, at);
      deps.onStep(step, tipBefore);
      if (step.did === "rolled-back" || (step.did === "advanced" && !step.synced)) pauseMs = 0;
    } catch (error) {
      failures += 1;
      deps.onFailure(error, failures);
      pauseMs = Math.min(maxBackoffMs, deps.pollMs * 2 ** Math.min(failures, 10));
    }
    if (pauseMs > 0) await delay(pauseMs, undefined, { signal }).catch(() => {});
  }
}
