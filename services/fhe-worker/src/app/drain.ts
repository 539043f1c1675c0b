/** How a worker ends: it takes no further task from `begun` on, and hands back what still runs at `late`. */
export type Drain = { readonly begun: AbortSignal; readonly late: AbortSignal };

/**
 * When a task must be handed back: when draining begins, unless the task computes by then, or when it has taken too long.
 * `end` stops watching.
 */
export function watchDrain(
  { begun, late }: Drain,
  computes: () => boolean,
): { readonly handBack: AbortSignal; end(): void } {
  const waitsOnly = new AbortController();
  const onBegun = () => {
    if (!computes()) waitsOnly.abort();
  };
  if (begun.aborted) onBegun();
  else begun.addEventListener("abort", onBegun, { once: true });
  return {
    handBack: AbortSignal.any([waitsOnly.signal, late]),
    end: () => begun.removeEventListener("abort", onBegun),
  };
}
