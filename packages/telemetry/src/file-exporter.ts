import { type FileHandle, mkdir, open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import { JsonTraceSerializer } from "@opentelemetry/otlp-transformer";
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";

/** Beyond this a file becomes `<name>.1`, over the one before it: at most twice as much lies on disk. */
const maxFileBytes = 64 * 2 ** 20;

/** Batches that may wait for the disk; more are dropped. */
const maxWaiting = 16;

/**
 * Writes spans to a file (0600), one OTLP request as JSON a line: the format of the collector's file exporter, which its
 * `otlpjsonfile` receiver reads. Lossy by design: a full disk loses spans, never work.
 */
export class FileSpanExporter implements SpanExporter {
  readonly #path: string;
  #file: FileHandle | undefined;
  #sizeBytes = 0;
  #waiting = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    const line = JsonTraceSerializer.serializeRequest(spans);
    if (line === undefined || this.#waiting >= maxWaiting) {
      done({ code: ExportResultCode.FAILED });
      return;
    }
    this.#waiting += 1;
    this.#last = this.#last
      .then(() => this.#write(line))
      .then(
        () => done({ code: ExportResultCode.SUCCESS }),
        () => done({ code: ExportResultCode.FAILED }),
      )
      .finally(() => {
        this.#waiting -= 1;
      });
  }

  forceFlush(): Promise<void> {
    return this.#last;
  }

  async shutdown(): Promise<void> {
    await this.#last;
    await this.#file?.close().catch(() => {});
    this.#file = undefined;
  }

  async #write(line: Uint8Array): Promise<void> {
    if (this.#file !== undefined && this.#sizeBytes + line.length > maxFileBytes) {
      await this.#file.close();
      this.#file = undefined;
      await rename(this.#path, `${this.#path}.1`);
    }
    if (this.#file === undefined) {
      await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
      this.#file = await open(this.#path, "a", 0o600);
      this.#sizeBytes = (await this.#file.stat()).size;
    }
    await this.#file.write(Buffer.concat([line, Buffer.from("\n")]));
    this.#sizeBytes += line.length + 1;
  }
}
