import { appendFileSync, mkdirSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { threadId } from "node:worker_threads";

/**
 * Loaded into a process (`node --import`), copies every byte that it writes to a socket or an HTTP/2 stream into a file
 * of its own under COS_TAP_DIR. Whatever one process tells another is written by one of the two: gRPC messages, object
 * bodies, JSON-RPC calls, both ways.
 */
const dir = process.env.COS_TAP_DIR;
if (dir !== undefined) {
  mkdirSync(dir, { recursive: true });
  const file = join(dir, `${process.pid}-${threadId}.tap`);
  const keep = (stream: object, chunk: unknown, encoding: unknown): void => {
    const isWire = stream instanceof Socket || stream.constructor.name.endsWith("Http2Stream");
    if (!isWire) return;
    if (typeof chunk === "string") {
      appendFileSync(
        file,
        Buffer.from(chunk, typeof encoding === "string" ? (encoding as BufferEncoding) : "utf8"),
      );
    } else if (chunk instanceof Uint8Array) appendFileSync(file, chunk);
  };
  for (const name of ["write", "end"] as const) {
    const original = Duplex.prototype[name] as (...all: unknown[]) => unknown;
    Object.assign(Duplex.prototype, {
      [name](this: Duplex, ...all: unknown[]) {
        keep(this, all[0], all[1]);
        return original.apply(this, all);
      },
    });
  }
}
