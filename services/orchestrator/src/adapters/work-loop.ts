import { setTimeout as delay } from "node:timers/promises";

/** A loop that works when it is woken, and now and then without. */
export type WorkLoop = {
  wake(): void;
  /** Ends after the pass that is running. */
  stop(): Promise<void>;
};

/**
 * Runs `pass` once at the start, after each `wake` (those that come while it runs lead to one more pass), and every
 * `idleMs` otherwise. A pass that throws is reported and tried again after the same pause.
 */
export function startWorkLoop(
  pass: () => Promise<unknown>,
  options: { readonly idleMs: number; readonly onFailure: (error: unknown) => void },
): WorkLoop {
  const stopping = new AbortController();
  let woken = new AbortController();
  const run = async () => {
    while (!stopping.signal.aborted) {
      woken = new AbortController();
      try {
        await pass();
      } catch (error) {
        options.onFailure(error);
        woken = new AbortController();
      }
      await delay(options.idleMs, undefined, {
        signal: AbortSignal.any([woken.signal, stopping.signal]),
      }).catch(() => {});
    }
  };
  const ended = run();
  return {
    wake: () => woken.abort(),
    stop: () => {
      stopping.abort();
      return ended;
    },
  };
}
