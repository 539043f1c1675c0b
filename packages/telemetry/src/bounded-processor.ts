import { TraceFlags } from "@opentelemetry/api";
import { ExportResultCode } from "@opentelemetry/core";
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter } from "@opentelemetry/sdk-trace";

/** Spans of one service that may wait for export. */
const maxQueueSize = 4_096;

/** Exports in batches, in the background; what the queue cannot hold or the exporter does not take is dropped and counted. */
export class BoundedProcessor extends BatchSpanProcessor {
  readonly #queue: { waiting: number };
  readonly #onDropped: (spans: number) => void;

  /** @param exporter may be shared between processors: it is flushed, and not ended, with this one */
  constructor(exporter: SpanExporter, onDropped: (spans: number) => void) {
    const queue = { waiting: 0 };
    super({
      exporter: {
        export: (spans, done) => {
          queue.waiting -= spans.length;
          exporter.export(spans, (result) => {
            if (result.code !== ExportResultCode.SUCCESS) onDropped(spans.length);
            done(result);
          });
        },
        forceFlush: async () => exporter.forceFlush?.(),
        shutdown: async () => exporter.forceFlush?.(),
      },
      maxQueueSize,
      maxExportBatchSize: 512,
      scheduledDelayMillis: 1_000,
      exportTimeoutMillis: 10_000,
    });
    this.#queue = queue;
    this.#onDropped = onDropped;
  }

  override onEnd(span: ReadableSpan): void {
    if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) return;
    if (this.#queue.waiting >= maxQueueSize) {
      this.#onDropped(1);
      return;
    }
    this.#queue.waiting += 1;
    super.onEnd(span);
  }
}
