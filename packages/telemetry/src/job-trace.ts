import { createHash } from "node:crypto";
import { type Context, type SpanContext, trace } from "@opentelemetry/api";

/**
 * The trace of a job follows from its permit's id, so that every service finds it without being told, after a restart
 * too: trace id = first 16 bytes of SHA-256("cos-trace" || permitId), id of the root span = the next 8.
 *
 * @param permitId 32 bytes, `0x` hex
 */
export function jobTraceOf(permitId: string): { readonly traceId: string; readonly rootSpanId: string } {
  const digest = createHash("sha256")
    .update("cos-trace")
    .update(Buffer.from(permitId.replace(/^0x/, ""), "hex"))
    .digest("hex");
  return { traceId: digest.slice(0, 32), rootSpanId: digest.slice(32, 48) };
}

/** A context in which spans become children of the job's root; `from` itself where it lies in that trace already. */
export function inJobTrace(from: Context, root: SpanContext): Context {
  return trace.getSpanContext(from)?.traceId === root.traceId ? from : trace.setSpanContext(from, root);
}
