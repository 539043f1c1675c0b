import { setTimeout as delay } from "node:timers/promises";

/** A part of the loop: one pass over what is due. */
export type Pass = { readonly name: string; readonly run: () => Promise<void> };

export type SettleLoopDeps = {
  readonly passes: readonly Pass[];
  readonly pollMs: number;
  /** Calls back when something was learnt; returns how to stop that. */
  readonly onNews: (listener: () => void) => () => void;
  readonly onFailure: (pass: string, error: unknown, attempt: number) => void;
};

const maxBackoffMs = 5_000;

/** Runs every pass, over and over, until `signal` aborts: at once on news, else every `pollMs`. A failing pass stops no other. */
export async function runSettleLoop(deps: SettleLoopDeps, signal: AbortSignal): Promise<void> {
  let wake = new AbortController();
  const stopListening = deps.onNews(() => wake.abort());
  let failures = 0;
  while (!signal.aborted) {
    wake = new AbortController();
    let failed = false;
    for (const { name, run } of deps.passes) {
      if (signal.aborted) break;
      await run().catch((error: unknown) => {
        failed = true;
        deps.onFailure(name, error, failures + 1);
      });
    }
    failures = failed ? failures + 1 : 0;
    const pauseMs = failed ? Math.min(maxBackoffMs, deps.pollMs * 2 ** Math.min(failures, 8)) : deps.pollMs;
    const interrupt = failed ? signal : AbortSignal.any([signal, wake.signal]);
    await delay(pauseMs, undefined, { signal: interrupt }).catch(() => {});
  }
  stopListening();
}
