import {
  type Context,
  context,
  createContextKey,
  propagation,
  ROOT_CONTEXT,
  type Tracer,
  type TracerProvider,
  trace,
} from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";

const serviceKey = createContextKey("cos.service");
const keepKey = createContextKey("cos.keep");
let installed = false;

/**
 * Makes the process carry trace contexts through promises, and lets libraries use OpenTelemetry's API as it is: a span
 * that they start belongs to the service whose work is running, for one process may host all five.
 */
export function installTracing(): void {
  if (installed) return;
  installed = true;
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new ReferringPropagator());
  trace.setGlobalTracerProvider(new RunningServiceTracers());
}

/** A context in which spans belong to the service of these tracers. */
export const ofService = (from: Context, tracers: TracerProvider): Context =>
  from.setValue(serviceKey, tracers);

/** A context whose span is exported only if something refers to it: a span below it, or a message that names it. */
export const tentative = (from: Context, keep: () => void): Context => from.setValue(keepKey, keep);

/** Something is about to name the context's span as its parent. */
export const refer = (from: Context): void => (from.getValue(keepKey) as (() => void) | undefined)?.();

class ReferringPropagator extends W3CTraceContextPropagator {
  override inject(...[from, carrier, setter]: Parameters<W3CTraceContextPropagator["inject"]>): void {
    refer(from);
    super.inject(from, carrier, setter);
  }
}

/** Reads a W3C `traceparent`; a context without a span when it is absent or malformed. */
export const contextOfTraceparent = (traceparent: string | undefined): Context =>
  propagation.extract(ROOT_CONTEXT, traceparent === undefined ? {} : { traceparent });

/** The running code's W3C `traceparent`, where a recorded span is active. */
export function activeTraceparent(from: Context = context.active()): string | undefined {
  const carrier: { traceparent?: string } = {};
  propagation.inject(from, carrier);
  return carrier.traceparent;
}

/** Runs work outside any trace: calls that repeat as long as something runs would drown it. */
export const untraced = <T>(work: () => T): T => context.with(ROOT_CONTEXT, work);

/** Starts every span with the tracer of the service that runs; without one, a span that nobody records. */
class RunningServiceTracers implements TracerProvider {
  getTracer(name: string, version?: string): Tracer {
    const tracerIn = (from: Context): Tracer | undefined =>
      (from.getValue(serviceKey) as TracerProvider | undefined)?.getTracer(name, version);
    const startSpan: Tracer["startSpan"] = (spanName, options, from = context.active()) => {
      refer(from);
      return (
        tracerIn(from)?.startSpan(spanName, options, from) ??
        trace.wrapSpanContext(trace.getSpanContext(from) ?? noSpan)
      );
    };
    // biome-ignore lint/suspicious/noExplicitAny: the API's three overloads have one implementation
    const startActiveSpan = (spanName: string, ...rest: any[]) => {
      const run = rest.at(-1) as (span: ReturnType<typeof startSpan>) => unknown;
      const options = rest.length > 1 ? rest[0] : undefined;
      const from: Context = rest.length > 2 ? rest[1] : context.active();
      const span = startSpan(spanName, options, from);
      return context.with(trace.setSpan(from, span), run, undefined, span);
    };
    return { startSpan, startActiveSpan: startActiveSpan as Tracer["startActiveSpan"] };
  }
}

const noSpan = { traceId: "0".repeat(32), spanId: "0".repeat(16), traceFlags: 0 };
