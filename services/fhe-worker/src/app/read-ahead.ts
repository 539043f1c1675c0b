import type { Digest, ObjectRef } from "@cos/protocol";
import type { ByteBudget } from "./byte-budget.ts";

type Fetched = Uint8Array<SharedArrayBuffer>;
type Fetch = (ref: ObjectRef) => Promise<Fetched>;

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
 * @param discard takes what was fetched and never asked for
 */
export function readAhead(
  order: readonly ObjectRef[],
  fetch: Fetch,
  budget: ByteBudget,
  signal: AbortSignal,
  discard: (buffer: SharedArrayBuffer) => void,
): ReadAhead {
  const ended = new AbortController();
  const either = AbortSignal.any([signal, ended.signal]);
  const held = new Map<Digest, { ref: ObjectRef; bytes: Promise<Fetched | undefined> }>();
  const asked = new Set<Digest>();
  const left = order.values();

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
      const entry = held.get(ref.digest);
      if (entry === undefined) return fetch(ref);
      held.delete(ref.digest);
      const ahead = await entry.bytes;
      budget.give(entry.ref.sizeBytes);
      return ahead ?? fetch(ref);
    },
    end: () => {
      ended.abort();
      for (const { ref, bytes } of held.values()) {
        budget.give(ref.sizeBytes);
        bytes.then((fetched) => fetched && discard(fetched.buffer));
      }
      held.clear();
    },
  };
}
