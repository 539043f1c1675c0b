import { once } from "node:events";
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type { SharedMemory } from "@cos/programs";
import { uploadHeaders } from "@cos/protocol";
import { type Dispatcher, request } from "undici";
import { TransferFailed, type Transfers } from "../app/ports.ts";

const attempts = 4;
const requestTimeoutMs = 60_000;

/**
 * Presigned URLs over HTTP. Refuses a body of another size than planned before it is in memory. Bytes go from the socket
 * into the pool's memory: `fetch` would take three times the processor time to gather them.
 * @param dispatcher how connections are made; the process's own way when left out
 */
export function httpTransfers(buffers: SharedMemory, dispatcher?: Dispatcher): Transfers {
  const through = dispatcher === undefined ? {} : { dispatcher };
  return {
    read: (url, sizeBytes, signal) =>
      retrying("INPUT_UNREACHABLE", signal, async (limit) => {
        const { statusCode, headers, body } = await request(url, { signal: limit, ...through });
        if (statusCode !== 200 || Number(headers["content-length"]) !== sizeBytes) {
          await body.dump();
          if (statusCode !== 200) throw new HttpStatus(statusCode);
          throw new TransferFailed("INPUT_TRUNCATED", "the object has another size than planned");
        }
        const bytes = buffers.take(sizeBytes);
        try {
          await fill(bytes, body);
        } catch (error) {
          buffers.give(bytes.buffer);
          throw error;
        }
        return bytes;
      }),
    discard: (buffer) => {
      if (buffer instanceof SharedArrayBuffer) buffers.give(buffer);
      else buffer.transfer(0);
    },
    write: (url, { digest, sizeBytes }, pieces, signal) =>
      retrying("OUTPUT_REFUSED", signal, async (limit) => {
        const { statusCode, body } = await request(url, {
          method: "PUT",
          headers: { ...uploadHeaders(digest), "content-length": String(sizeBytes) },
          body: Readable.from(pieces, { objectMode: false }),
          signal: limit,
          ...through,
        });
        await body.dump();
        if (statusCode < 200 || statusCode > 299) throw new HttpStatus(statusCode);
      }),
  };
}

/** Events and not an iterator: a turn of the event loop for each piece would cost more than copying it. */
async function fill(bytes: Uint8Array, body: Readable): Promise<void> {
  let at = 0;
  body.on("data", (piece: Buffer) => {
    bytes.set(piece, at); // never past the end: undici holds the body to its content-length
    at += piece.length;
  });
  await once(body, "end");
  if (at !== bytes.length) throw new Error("the body ended early");
}

/** A 4xx stays what it is; the rest may pass. */
class HttpStatus extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`HTTP ${status}`);
    this.status = status;
  }
}

async function retrying<T>(
  code: TransferFailed["code"],
  signal: AbortSignal,
  attempt: (limit: AbortSignal) => Promise<T>,
): Promise<T> {
  for (let number = 1; ; number++) {
    try {
      return await attempt(AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)]));
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof TransferFailed) throw error;
      const final = error instanceof HttpStatus && error.status >= 400 && error.status < 500;
      if (final || number >= attempts)
        throw new TransferFailed(code, error instanceof HttpStatus ? error.message : "no answer");
      await delay(100 * 3 ** number, undefined, { signal });
    }
  }
}
