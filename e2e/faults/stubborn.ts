import { setTimeout as delay } from "node:timers/promises";
import { CosFailure } from "@cos/client";

/** What a patient person does: tries again while the answer is that something is not there at the moment. */
export async function stubborn<T>(
  step: () => Promise<T>,
  options: { readonly untilMs: number; readonly onRetry?: (cause: unknown) => void },
): Promise<T> {
  for (;;) {
    try {
      return await step();
    } catch (cause) {
      if (performance.now() > options.untilMs || isFinal(cause)) throw cause;
      options.onRetry?.(cause);
      await delay(300);
    }
  }
}

/** Refusals that no patience changes. A clause that refuses for want of a fresh mirror does change. */
function isFinal(cause: unknown): boolean {
  return cause instanceof CosFailure && (cause.kind === "usage" || cause.kind === "integrity");
}
