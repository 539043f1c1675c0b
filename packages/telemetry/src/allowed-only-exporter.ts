import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import { keepAllowed } from "./span-attributes.ts";

/** A status that says a stable code may leave; a free text may quote data and does not. */
const code = /^[A-Z][A-Z0-9_:]{0,63}$/;

/**
 * Lets through of a span only what is on the list, whoever made it: no event (exceptions carry texts and stacks), no
 * link's attributes, no status text that is not a code.
 */
export function allowedOnly(exporter: SpanExporter): SpanExporter {
  return {
    export: (spans, done) => exporter.export(spans.map(cleaned), done),
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  };
}

function cleaned(span: ReadableSpan): ReadableSpan {
  const { message } = span.status;
  return {
    name: span.name,
    kind: span.kind,
    spanContext: () => span.spanContext(),
    ...(span.parentSpanContext === undefined ? {} : { parentSpanContext: span.parentSpanContext }),
    startTime: span.startTime,
    endTime: span.endTime,
    status: {
      code: span.status.code,
      ...(message !== undefined && code.test(message) ? { message } : {}),
    },
    attributes: keepAllowed(span.attributes),
    links: span.links.map(({ context }) => ({ context })),
    events: [],
    duration: span.duration,
    ended: span.ended,
    resource: span.resource,
    instrumentationScope: span.instrumentationScope,
    droppedAttributesCount: span.droppedAttributesCount,
    droppedEventsCount: span.droppedEventsCount + span.events.length,
    droppedLinksCount: span.droppedLinksCount,
  };
}
