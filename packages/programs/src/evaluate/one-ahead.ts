import type { ObjectRef } from "@cos/protocol";
import type { ReadObject } from "./evaluate-error.ts";

/**
 * Asks for the next object when one is handed out, so that a thread need not wait for another to wake up and answer it.
 * What was not asked for in this order is read when it is; so is an object whose reading ahead failed, once more.
 * @param order of need
 * @param release takes what was read and never asked for
 */
export function oneAhead(
  order: readonly ObjectRef[],
  read: ReadObject,
  release: (bytes: Uint8Array) => void,
): { read: ReadObject; end: () => Promise<void> } {
  let next = 0;
  let ahead: { ref: ObjectRef; bytes: Promise<Uint8Array | undefined> } | undefined;

  const end = async (): Promise<void> => {
    const bytes = await ahead?.bytes;
    ahead = undefined;
    if (bytes !== undefined) release(bytes);
  };

  return {
    read: async (ref) => {
      if (ahead?.ref.digest !== ref.digest) await end();
      const bytes = (await ahead?.bytes) ?? (await read(ref));
      ahead = undefined;
      while (order[next] !== undefined && order[next]?.digest !== ref.digest) next += 1;
      next += 1;
      const following = order[next];
      if (following !== undefined) ahead = { ref: following, bytes: read(following).catch(() => undefined) };
      return bytes;
    },
    end,
  };
}
