import { setTimeout as delay } from "node:timers/promises";

/**
 * Does a thing every so often, the first time after a tenth to half of the pause, so that processes started together do not
 * do it together. A failure is told and is tried again with the next turn.
 * @returns how to stop; waits for a turn that runs
 */
export function regularly(
  everyMs: number,
  work: (signal: AbortSignal) => Promise<void>,
  onFailure: (error: unknown) => void = () => {},
): () => Promise<void> {
  const closing = new AbortController();
  const { signal } = closing;
  const wait = (ms: number) => delay(ms, undefined, { signal, ref: false }).catch(() => {});
  const loop = async (): Promise<void> => {
    await wait(everyMs * (0.1 + 0.4 * Math.random()));
    while (!signal.aborted) {
      await work(signal).catch((error: unknown) => signal.aborted || onFailure(error));
      await wait(everyMs);
    }
  };
  const stopped = loop();
  return async () => {
    closing.abort();
    await stopped;
  };
}
