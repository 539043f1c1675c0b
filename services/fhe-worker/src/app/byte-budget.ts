/** Bytes that all tasks of a worker may hold in advance, together. */
export type ByteBudget = {
  /** Resolves when the bytes fit. More than the whole budget fits when nothing else is held. */
  take(bytes: number, signal: AbortSignal): Promise<void>;
  give(bytes: number): void;
};

export function createByteBudget(total: number): ByteBudget {
  let held = 0;
  const waiting = new Set<() => void>();
  const wakeAll = () => {
    for (const wake of [...waiting]) wake();
  };
  return {
    take: async (bytes, signal) => {
      while (held > 0 && held + bytes > total) {
        signal.throwIfAborted();
        await new Promise<void>((resolve) => {
          const wake = () => {
            waiting.delete(wake);
            signal.removeEventListener("abort", wake);
            resolve();
          };
          waiting.add(wake);
          signal.addEventListener("abort", wake, { once: true });
        });
      }
      signal.throwIfAborted();
      held += bytes;
    },
    give: (bytes) => {
      held -= bytes;
      wakeAll();
    },
  };
}
