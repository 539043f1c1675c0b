import { join } from "node:path";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import type { SpanExporter } from "@opentelemetry/sdk-trace";
import { allowedOnly } from "./allowed-only-exporter.ts";
import { FileSpanExporter } from "./file-exporter.ts";

/** Where a process's spans go: to a collector, to a file, to both, or nowhere. */
export interface SpanSink {
  readonly exporters: readonly SpanExporter[];
  /** Share of traces that are recorded, 0 to 1; decided from the trace id, equally everywhere. */
  readonly sampleRatio: number;
  /** Ends the exporters, after the telemetry of every service that uses them. */
  close(): Promise<void>;
}

export interface SpanSinkOptions {
  /** Root of a collector's OTLP over HTTP, such as `http://collector:4318`. */
  readonly endpoint?: string | undefined;
  /** The process, which names its file. */
  readonly name?: string;
  /** Folder for `<name>.spans.jsonl`. */
  readonly folder?: string | undefined;
  readonly sampleRatio?: number;
}

/** Nothing is exported; contexts still travel, so that log lines of all services carry the same trace id. */
export const noSpans: SpanSink = { exporters: [], sampleRatio: 1, close: async () => {} };

/** Opens the exporters. Nothing waits for them: what they do not take in time is dropped. */
export function openSpanSink({ name = "cos", endpoint, folder, sampleRatio = 1 }: SpanSinkOptions): SpanSink {
  const exporters: SpanExporter[] = [];
  if (endpoint !== undefined) {
    const url = `${endpoint.replace(/\/+$/, "")}/v1/traces`;
    exporters.push(allowedOnly(new OTLPTraceExporter({ url, timeoutMillis: 5_000 })));
  }
  if (folder !== undefined)
    exporters.push(allowedOnly(new FileSpanExporter(join(folder, `${name}.spans.jsonl`))));
  const close = async () => {
    await Promise.all(exporters.map((exporter) => exporter.shutdown().catch(() => {})));
  };
  return { exporters, sampleRatio, close };
}
