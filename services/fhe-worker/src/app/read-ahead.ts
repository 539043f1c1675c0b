import type { Digest, ObjectRef } from "@cos/protocol";
import type { ByteBudget } from "./byte-budget.ts";

type Fetch = (ref: ObjectRef) => Promise<Uint8Array>;

/** Objects of one task, fetched before they are asked for. */
export type ReadAhead = {
  /** The object; waits for its fetch, or starts it when it is not under way. */
  read: Fetch;
  /** Lets go of what was fetched and never asked for. */
  end(): void;
};

/** Objects of a task that are fetched at once: enough that a store's answer time does not show, few enough to stay in order. */
const atOnce = 4;

/**
 * Fetches a task's objects in the order of need, as far ahead as the worker's budget of bytes allows, so that the next
 * block, and the next task's first blocks, are there when a thread asks. What is asked for is fetched at once, whatever
 * the budget says: a task can always go on. An object that fails is tried anew when it is asked for.
 */
export function readAhead(
  order: readonly ObjectRef[],
  fetch: Fetch,
  budget: ByteBudget,
  signal: AbortSignal,
): ReadAhead {
  const ended = new AbortController();
  const either = AbortSignal.any([signal, ended.signal]);
  const held = new Map<Digest, { ref: ObjectRef; bytes: Promise<Uint8Array | undefined> }>();
  const asked = new Set<Digest>();
  const left = order.values();

  const drop = (digest: Digest) => {
    const entry = held.get(digest);
    if (!entry || !held.delete(digest)) return;
    budget.give(entry.ref.sizeBytes);
  };
  const run = async () => {
    for (const ref of left) {
      if (asked.has(ref.digest) || held.has(ref.digest)) continue;
      await budget.take(ref.sizeBytes, either);
      if (asked.has(ref.digest) || held.has(ref.digest)) {
        budget.give(ref.sizeBytes);
        continue;
      }
      const bytes = fetch(ref).catch(() => undefined);
      held.set(ref.digest, { ref, bytes });
      await bytes;
    }
  };
  for (let n = 0; n < atOnce; n++) run().catch(() => {}); // aborted: nobody waits for it

  return {
    read: async (ref) => {
      asked.add(ref.digest);
      const ahead = await held.get(ref.digest)?.bytes;
      drop(ref.digest);
      return ahead ?? fetch(ref);
    },
    end: () => {
      ended.abort();
      for (const digest of [...held.keys()]) drop(digest);
    },
  };
}
