import { setTimeout as delay } from "node:timers/promises";
import { digestOfBytes, uploadHeaders } from "@cos/protocol";
import { TransferFailed, type Transfers } from "../app/ports.ts";

const attempts = 4;
const requestTimeoutMs = 60_000;

/** Presigned URLs over HTTP. Refuses a body of another size than planned before it is in memory. */
export function httpTransfers(): Transfers {
  return {
    read: (url, sizeBytes, signal) =>
      retrying("INPUT_UNREACHABLE", signal, async (limit) => {
        const response = await fetch(url, { signal: limit });
        if (!response.ok) {
          await response.body?.cancel();
          return refuse(response.status);
        }
        if (Number(response.headers.get("content-length")) !== sizeBytes) {
          await response.body?.cancel();
          throw new TransferFailed("INPUT_TRUNCATED", "the object has another size than planned");
        }
        return new Uint8Array(await response.arrayBuffer());
      }),
    write: (url, bytes, signal) =>
      retrying("OUTPUT_REFUSED", signal, async (limit) => {
        const response = await fetch(url, {
          method: "PUT",
          headers: uploadHeaders(digestOfBytes(bytes)),
          body: bytes as Uint8Array<ArrayBuffer>,
          signal: limit,
        });
        await response.body?.cancel();
        if (!response.ok) refuse(response.status);
      }),
  };
}

/** A 4xx stays what it is; the rest may pass. */
function refuse(status: number): never {
  throw new HttpStatus(status);
}

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
  request: (limit: AbortSignal) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await request(AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)]));
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof TransferFailed) throw error;
      const final = error instanceof HttpStatus && error.status >= 400 && error.status < 500;
      if (final || attempt >= attempts)
        throw new TransferFailed(code, error instanceof HttpStatus ? error.message : "no answer");
      await delay(100 * 3 ** attempt, undefined, { signal });
    }
  }
}
