import { once } from "node:events";
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { type ByteSpan, EvaluationFailed, type SharedMemory } from "@cos/programs";
import { uploadHeaders } from "@cos/protocol";
import { type Dispatcher, request } from "undici";
import { TransferFailed, type Transfers } from "../app/ports.ts";

const attempts = 4;
/** For the answer, and for the bytes at 8 MB/s: what is slower is tried again. */
const answerTimeoutMs = 60_000;
const slowestBytesPerMs = 8_000;

/**
 * Presigned URLs over HTTP. Refuses a body of another size than planned before it is in memory. Bytes go from the socket
 * into the pool's memory: `fetch` would take three times the processor time to gather them.
 * @param dispatcher how connections are made; the process's own way when left out
 */
export function httpTransfers(buffers: SharedMemory, dispatcher?: Dispatcher): Transfers {
  const through = dispatcher === undefined ? {} : { dispatcher };
  return {
    read: (url, sizeBytes, signal, span) =>
      retrying("INPUT_UNREACHABLE", signal, async () => {
        const length = span?.length ?? sizeBytes;
        const { statusCode, headers, body } = await request(url, {
          headers: rangeHeader(span),
          signal: withTimeout(signal, length),
          ...through,
        });
        const refused = refusal(statusCode, Number(headers["content-length"]), length, span !== undefined);
        if (refused !== undefined) {
          await body.dump();
          throw refused;
        }
        const bytes = buffers.take(length);
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
    write: (url, { digest, sizeBytes }, bytes, signal) =>
      retrying("OUTPUT_REFUSED", signal, async () => {
        const sent = typeof bytes === "function" ? bytes() : Readable.from(bytes, { objectMode: false });
        let broken: Error | undefined;
        sent.once("error", (error) => {
          broken = error;
        });
        try {
          await once(sent, "readable", { signal }); // a thread may have to be waited for: no connection does
          const { statusCode, body } = await request(url, {
            method: "PUT",
            headers: { ...uploadHeaders(digest), "content-length": String(sizeBytes) },
            body: sent,
            signal: withTimeout(signal, sizeBytes),
            ...through,
          });
          await body.dump();
          if (statusCode < 200 || statusCode > 299) throw new HttpStatus(statusCode);
        } catch (error) {
          throw endsTries(broken) ? broken : error;
        } finally {
          sent.destroy();
        }
      }),
  };
}

const withTimeout = (signal: AbortSignal, bytes: number): AbortSignal =>
  AbortSignal.any([signal, AbortSignal.timeout(answerTimeoutMs + Math.ceil(bytes / slowestBytesPerMs))]);

const rangeHeader = (span: ByteSpan | undefined): Record<string, string> =>
  span === undefined ? {} : { range: `bytes=${span.first}-${span.first + span.length - 1}` };

/** Why an answer is not the one that was asked for, if it is not. */
function refusal(
  status: number,
  actualBytes: number,
  expectedBytes: number,
  isPart: boolean,
): Error | undefined {
  const shorter = new TransferFailed("INPUT_TRUNCATED", "the object has another size than planned");
  if (isPart && status === 416) return shorter; // it ends before the part begins
  if (isPart && status === 200) return new TransferFailed("INPUT_UNREACHABLE", "the store gives no parts");
  if (status !== (isPart ? 206 : 200)) return new HttpStatus(status);
  return actualBytes === expectedBytes ? undefined : shorter;
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

const endsTries = (error: unknown): boolean =>
  error instanceof TransferFailed || error instanceof EvaluationFailed;

async function retrying<T>(
  code: TransferFailed["code"],
  signal: AbortSignal,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let number = 1; ; number++) {
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      if (endsTries(error)) throw error;
      const final = error instanceof HttpStatus && error.status >= 400 && error.status < 500;
      if (final || number >= attempts)
        throw new TransferFailed(code, error instanceof HttpStatus ? error.message : "no answer");
      await delay(100 * 3 ** number, undefined, { signal });
    }
  }
}
