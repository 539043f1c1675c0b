import { join } from "node:path";
import { CertifiedAgent, type TlsMaterial } from "@cos/tls";
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
  /** Whom an https endpoint is believed by; public authorities when left out. */
  readonly endpointTls?: TlsMaterial | undefined;
  /** The process, which names its file. */
  readonly name?: string;
  /** Folder for `<name>.spans.jsonl`. */
  readonly folder?: string | undefined;
  readonly sampleRatio?: number;
}

/** Nothing is exported; contexts still travel, so that log lines of all services carry the same trace id. */
export const noSpans: SpanSink = { exporters: [], sampleRatio: 1, close: async () => {} };

/** Opens the exporters. Nothing waits for them: what they do not take in time is dropped. */
export function openSpanSink(options: SpanSinkOptions): SpanSink {
  const { name = "cos", endpoint, endpointTls, folder, sampleRatio = 1 } = options;
  const exporters: SpanExporter[] = [];
  const ends: (() => void)[] = [];
  if (endpoint !== undefined) {
    const url = `${endpoint.replace(/\/+$/, "")}/v1/traces`;
    // The exporter's own OTEL_EXPORTER_OTLP_CERTIFICATE is read once, and believes everybody's authorities when it cannot be.
    const agent = endpointTls && new CertifiedAgent(endpointTls, { keepAlive: true });
    const tls = agent === undefined ? {} : { httpAgentOptions: () => agent };
    exporters.push(allowedOnly(new OTLPTraceExporter({ url, timeoutMillis: 5_000, ...tls })));
    if (agent !== undefined) ends.push(() => agent.destroy());
  }
  if (folder !== undefined)
    exporters.push(allowedOnly(new FileSpanExporter(join(folder, `${name}.spans.jsonl`))));
  const close = async () => {
    await Promise.all(exporters.map((exporter) => exporter.shutdown().catch(() => {})));
    for (const end of ends) end();
  };
  return { exporters, sampleRatio, close };
}
