import { Duplex } from "node:stream";
import type { MessagePort } from "node:worker_threads";

/** A message port as the socket that `pg` expects. */
export class PortStream extends Duplex {
  readonly #port: MessagePort;

  constructor(port: MessagePort) {
    super();
    this.#port = port;
    port.on("message", (data: Uint8Array) =>
      this.push(Buffer.from(data.buffer, data.byteOffset, data.byteLength)),
    );
    port.on("close", () => this.destroy());
  }

  /** `pg` dials after it has built the connection; this one is already there. */
  connect(): this {
    setImmediate(() => this.emit("connect"));
    return this;
  }
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  ref(): void {
    this.#port.ref();
  }
  unref(): void {
    this.#port.unref();
  }

  override _read(): void {}
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#port.postMessage(new Uint8Array(chunk));
    done();
  }
  override _writev(
    chunks: { chunk: Buffer; encoding: BufferEncoding }[],
    done: (error?: Error | null) => void,
  ): void {
    this.#port.postMessage(new Uint8Array(Buffer.concat(chunks.map((one) => one.chunk))));
    done();
  }
  override _final(done: (error?: Error | null) => void): void {
    this.#port.close();
    done();
  }
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#port.close();
    done(error);
  }
}
