import type { ObjectStore } from "@cos/objects";
import { context, trace } from "@opentelemetry/api";
import { overriding } from "./overriding.ts";
import type { SpanAttributes } from "./span-attributes.ts";
import type { Telemetry } from "./telemetry.ts";

type Answer = { readonly ok: boolean; readonly error?: { readonly code: string } };

/**
 * An object store whose calls are timed, and are spans where they belong to a trace. Keys are digests of ciphertext and
 * stay out of both.
 */
export function tracedObjects<S extends Pick<ObjectStore, "put">>(telemetry: Telemetry, store: S): S {
  const objects = store as unknown as ObjectStore;
  const timed = async <T>(
    operation: string,
    attributes: SpanAttributes,
    call: () => Promise<T>,
  ): Promise<T> => {
    const began = performance.now();
    let outcome = "failed";
    try {
      const answer = await inTrace(telemetry, operation, attributes, call);
      outcome = outcomeOf(answer);
      return answer;
    } finally {
      telemetry.metrics.observe("objectSeconds", { operation, outcome }, (performance.now() - began) / 1000);
    }
  };
  return overriding<ObjectStore>(objects, {
    put: (key, body, options) =>
      timed("put", { "cos.size_bytes": options.sizeBytes }, () => objects.put(key, body, options)),
    get: (key, range) => timed("get", {}, () => objects.get(key, range)),
    head: (key) => timed("head", {}, () => objects.head(key)),
    delete: (key) => timed("delete", {}, () => objects.delete(key)),
  }) as unknown as S;
}

function inTrace<T>(
  telemetry: Telemetry,
  operation: string,
  attributes: SpanAttributes,
  call: () => Promise<T>,
): Promise<T> {
  if (trace.getSpan(context.active()) === undefined) return call();
  return telemetry.span(
    `object ${operation}`,
    { kind: "client", attributes: { "cos.operation": operation, ...attributes } },
    async (span) => {
      const answer = await call();
      span.setAttribute("cos.outcome", outcomeOf(answer));
      return answer;
    },
  );
}

function outcomeOf(answer: unknown): string {
  if (typeof answer !== "object" || answer === null || !("ok" in answer)) return "OK";
  const { ok, error } = answer as Answer;
  return ok ? "OK" : (error?.code ?? "REFUSED");
}
