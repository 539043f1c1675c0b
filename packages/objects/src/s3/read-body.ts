import type { IncomingMessage } from "node:http";
import { TimedOut } from "./s3-client.ts";
import { toObjectStoreError } from "./s3-failure.ts";

/**
 * The bytes of an answer as they are read. While the reader waits for bytes, the store has `timeoutMs` to send some; while
 * the reader takes its time, it has all the time it wants. An answer that nobody begins to read is dropped after
 * `timeoutMs`, since it holds a connection.
 * @throws ObjectStoreError `OBJECTS_UNAVAILABLE` when the store goes away before the end
 */
export function readBody(response: IncomingMessage, timeoutMs: number): AsyncIterable<Uint8Array> {
  let waiting = true;
  const late = setTimeout(() => {
    if (waiting) response.destroy(new TimedOut());
  }, timeoutMs).unref();
  response.on("error", () => {}); // the reader is told; without one, nobody needs to be
  return {
    async *[Symbol.asyncIterator]() {
      const pieces = response[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
      try {
        for (;;) {
          waiting = true;
          late.refresh();
          const next = await pieces.next();
          waiting = false;
          if (next.done) return;
          yield next.value;
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
