import { on } from "node:events";
import type { Readable } from "node:stream";
import { TimedOut } from "./s3-client.ts";
import { toObjectStoreError } from "./s3-failure.ts";

/**
 * The bytes of an answer as they are read. While the reader waits for bytes, the store has `timeoutMs` to send some; while
 * the reader takes its time, it has all the time it wants. An answer that nobody begins to read is dropped after
 * `timeoutMs`, since it holds a connection.
 * @throws ObjectStoreError `OBJECTS_UNAVAILABLE` when the store goes away before the end
 */
export function readBody(response: Readable, timeoutMs: number): AsyncIterable<Uint8Array> {
  let waiting = true;
  const late = setTimeout(() => {
    if (waiting) response.destroy(new TimedOut());
  }, timeoutMs).unref();
  response.on("error", () => {}); // the reader is told; without one, nobody needs to be
  return {
    async *[Symbol.asyncIterator]() {
      // As events: the stream's own iterator would join, and so copy, what has come since it was last asked.
      const pieces = on(response, "data", { close: ["end"], highWaterMark: 4, lowWaterMark: 1 });
      try {
        for (;;) {
          waiting = true;
          late.refresh();
          const next = await pieces.next();
          waiting = false;
          if (next.done) return;
          yield next.value[0] as Buffer;
        }
      } catch (error) {
        throw toObjectStoreError(error);
      } finally {
        clearTimeout(late);
        response.destroy();
      }
    },
  };
}
