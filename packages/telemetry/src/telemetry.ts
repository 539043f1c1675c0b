import {
  type Context,
  context,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  type IdGenerator,
  ParentBasedSampler,
  RandomIdGenerator,
  SamplingDecision,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { BoundedProcessor } from "./bounded-processor.ts";
import {
  activeTraceparent,
  contextOfTraceparent,
  installTracing,
  ofService,
  refer,
  tentative,
} from "./context.ts";
import { inJobTrace, jobTraceOf } from "./job-trace.ts";
import { MetricSet } from "./metric-set.ts";
import { watchProcess } from "./process-metrics.ts";
import type { SpanAttributes } from "./span-attributes.ts";
import { noSpans, type SpanSink } from "./span-sink.ts";

export interface TelemetryOptions {
  /** `access`, `gateway`, `orchestrator`, `fhe-worker` or `settlement`. */
  readonly service: string;
  readonly version?: string;
  readonly sink?: SpanSink;
}

export interface SpanOptions {
  readonly kind?: "internal" | "server" | "client" | "producer" | "consumer";
  readonly attributes?: SpanAttributes;
  /** When it began, Unix milliseconds, where that was before now. */
  readonly startMs?: number;
}

/** Unix milliseconds. */
export interface SpanTimes {
  readonly startMs: number;
  readonly endMs?: number;
}

const kinds = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const;

/** The traces and metrics of one service in one process. */
export class Telemetry {
  readonly service: string;
  readonly metrics: MetricSet;
  readonly #tracers: TracerProvider;
  readonly #ids = new SettableIds();
  readonly #sampler: TraceIdRatioBasedSampler;

  constructor({ service, version = "0.1.0", sink = noSpans }: TelemetryOptions) {
    installTracing();
    this.service = service;
    this.metrics = new MetricSet(service);
    if (sink.exporters.length > 0) this.metrics.count("spansDropped", {}, 0);
    const spanProcessors = sink.exporters.map(
      (exporter) => new BoundedProcessor(exporter, (spans) => this.metrics.count("spansDropped", {}, spans)),
    );
    this.#sampler = new TraceIdRatioBasedSampler(sink.sampleRatio);
    this.#tracers = new TracerProvider({
      resource: resourceFromAttributes({
        "service.namespace": "cos",
        "service.name": service,
        "service.version": version,
      }),
      sampler: new ParentBasedSampler({ root: this.#sampler }),
      idGenerator: this.#ids,
      spanLimits: {
        attributeValueLengthLimit: 256,
        attributeCountLimit: 32,
        eventCountLimit: 1,
        linkCountLimit: 8,
      },
      spanProcessors,
    });
    watchProcess(this.metrics, version);
  }

  /** Runs work of this service: spans that it starts are this service's. */
  run<T>(work: () => T): T {
    return context.with(ofService(context.active(), this.#tracers), work);
  }

  /** Runs work in a span below the active one. A throw marks the span and passes. */
  span<T>(name: string, options: SpanOptions, work: (span: Span) => Promise<T>): Promise<T> {
    return this.#within(context.active(), name, options, work);
  }

  /** Runs work in a span of the job's trace: below the active span if that lies in it, else below the trace's root. */
  jobSpan<T>(
    jobId: string,
    name: string,
    options: SpanOptions,
    work: (span: Span) => Promise<T>,
  ): Promise<T> {
    const attributes = { "cos.job_id": jobId, ...options.attributes };
    return this.#within(
      inJobTrace(context.active(), this.#jobRoot(jobId)),
      name,
      { ...options, attributes },
      work,
    );
  }

  /**
   * As `jobSpan`, for work that is tried over and over: there is a span only if the work leads to something that lies
   * below it (another span, a message), or calls `keep`.
   */
  async jobSpanIfUsed<T>(
    jobId: string,
    name: string,
    { kind, attributes }: SpanOptions,
    work: (span: Span, keep: () => void) => Promise<T>,
  ): Promise<T> {
    const options = { ...(kind && { kind }), attributes: { "cos.job_id": jobId, ...attributes } };
    const { span, inside } = this.startSpan(
      name,
      options,
      inJobTrace(context.active(), this.#jobRoot(jobId)),
    );
    let used = false;
    const keep = () => {
      used = true;
    };
    try {
      return await context.with(tentative(inside, keep), work, undefined, span, keep);
    } catch (error) {
      markFailed(span, error);
      throw error;
    } finally {
      if (used) span.end(); // one that never ends is never exported
    }
  }

  /** Runs work in a span below the one that a message or a call names; below nothing when it names none. */
  remoteSpan<T>(
    traceparent: string | undefined,
    name: string,
    options: SpanOptions,
    work: (span: Span) => Promise<T>,
  ): Promise<T> {
    return this.#within(contextOfTraceparent(traceparent), name, options, work);
  }

  /**
   * Notes a span whose times are known already, below the active span if that lies in the job's trace, else its root.
   * @returns the W3C `traceparent` for messages that follow from it
   */
  noteJobSpan(
    jobId: string,
    name: string,
    { startMs, endMs = Date.now() }: SpanTimes,
    attributes: SpanAttributes = {},
  ): string | undefined {
    const options = { startMs, attributes: { "cos.job_id": jobId, ...attributes } };
    const parent = inJobTrace(context.active(), this.#jobRoot(jobId));
    const { span, inside } = this.startSpan(name, options, parent);
    span.end(Math.max(startMs, endMs));
    return activeTraceparent(inside);
  }

  /**
   * Notes the root of the job's trace; noting it again, after a restart or a re-mined permit, notes the same span.
   * @returns its W3C `traceparent`
   */
  noteJobRoot(
    jobId: string,
    name: string,
    { startMs, endMs = Date.now() }: SpanTimes,
    attributes: SpanAttributes = {},
  ): string | undefined {
    const { traceId, rootSpanId } = jobTraceOf(jobId);
    const options = { startTime: startMs, root: true, attributes: { "cos.job_id": jobId, ...attributes } };
    const span = this.#ids.with(traceId, rootSpanId, () => this.#tracer().startSpan(name, options));
    span.end(Math.max(startMs, endMs));
    return activeTraceparent(trace.setSpan(ROOT_CONTEXT, span));
  }

  /** A `traceparent` for a message about a job, below a span that ends at once: the moment at which it was sent. */
  sentJobTraceparent(jobId: string, name: string, attributes: SpanAttributes = {}): string | undefined {
    const options = { kind: "producer", attributes: { "cos.job_id": jobId, ...attributes } } as const;
    const { span, inside } = this.startSpan(
      name,
      options,
      inJobTrace(context.active(), this.#jobRoot(jobId)),
    );
    span.end();
    return activeTraceparent(inside);
  }

  /** Starts a span by hand, for work that is no promise. End it. */
  startSpan(
    name: string,
    options: SpanOptions,
    from: Context,
  ): { readonly span: Span; readonly inside: Context } {
    const { kind = "internal", attributes = {}, startMs } = options;
    refer(from);
    const parent = ofService(from, this.#tracers);
    const began = startMs === undefined ? {} : { startTime: startMs };
    const span = this.#tracer().startSpan(name, { kind: kinds[kind], attributes, ...began }, parent);
    return { span, inside: trace.setSpan(parent, span) };
  }

  /** Hands over what is recorded, at most 5 s long, and records no more. The sink's exporters end with it. */
  async close(): Promise<void> {
    const late = new Promise<void>((resolve) => setTimeout(resolve, 5_000).unref());
    await Promise.race([this.#tracers.shutdown().catch(() => {}), late]);
  }

  /** Hands over what is recorded so far. */
  async flush(): Promise<void> {
    await this.#tracers.forceFlush({ timeoutMillis: 5_000 }).catch(() => {});
  }

  /** Whether a trace is recorded follows from its id: every service comes to the same answer. */
  #jobRoot(jobId: string): SpanContext {
    const { traceId, rootSpanId: spanId } = jobTraceOf(jobId);
    const isSampled = this.#sampler.shouldSample(undefined, traceId).decision !== SamplingDecision.NOT_RECORD;
    return { traceId, spanId, isRemote: true, traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE };
  }

  #tracer() {
    return this.#tracers.getTracer("cos");
  }

  async #within<T>(
    from: Context,
    name: string,
    options: SpanOptions,
    work: (span: Span) => Promise<T>,
  ): Promise<T> {
    const { span, inside } = this.startSpan(name, options, from);
    try {
      return await context.with(inside, work, undefined, span);
    } catch (error) {
      markFailed(span, error);
      throw error;
    } finally {
      span.end();
    }
  }
}

/** Marks a span with an error's stable code; its text might quote data. */
export function markFailed(span: Span, error: unknown): void {
  const code = typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
  const name = error instanceof Error ? error.name : "UNKNOWN";
  span.setStatus({ code: SpanStatusCode.ERROR });
  span.setAttribute("cos.code", /^[A-Z][A-Z0-9_:]{0,63}$/.test(code) ? code : name);
}

/** Random ids, except for a span whose id follows from what it stands for. */
class SettableIds implements IdGenerator {
  readonly #random = new RandomIdGenerator();
  #next: { readonly traceId: string; readonly spanId: string } | undefined;

  generateTraceId(): string {
    return this.#next?.traceId ?? this.#random.generateTraceId();
  }

  generateSpanId(): string {
    return this.#next?.spanId ?? this.#random.generateSpanId();
  }

  with<T>(traceId: string, spanId: string, start: () => T): T {
    this.#next = { traceId, spanId };
    try {
      return start();
    } finally {
      this.#next = undefined;
    }
  }
}
