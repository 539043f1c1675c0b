import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** One span as it was exported. Times in Unix milliseconds, with fractions. */
export interface ExportedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly service: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
}

type WireValue = {
  stringValue?: string;
  intValue?: number | string;
  doubleValue?: number;
  boolValue?: boolean;
};
type WireAttributes = readonly { key: string; value: WireValue }[];
type WireSpan = {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: WireAttributes;
};
type WireRequest = {
  resourceSpans: { resource: { attributes: WireAttributes }; scopeSpans: { spans: WireSpan[] }[] }[];
};

/** Reads every `*.spans.jsonl` of a folder (OTLP as JSON lines). The same span twice is one span. */
export async function readSpans(folder: string): Promise<ExportedSpan[]> {
  const spans = new Map<string, ExportedSpan>();
  for (const file of await readdir(folder)) {
    if (!file.endsWith(".spans.jsonl")) continue;
    for (const line of (await readFile(join(folder, file), "utf8")).split("\n")) {
      if (line === "") continue;
      for (const span of toSpans(JSON.parse(line) as WireRequest))
        spans.set(`${span.traceId}/${span.spanId}`, span);
    }
  }
  return [...spans.values()].sort((a, b) => a.startMs - b.startMs);
}

function toSpans({ resourceSpans }: WireRequest): ExportedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(toValues(resource.attributes)["service.name"]);
    return scopeSpans.flatMap(({ spans }) =>
      spans.map(
        ({ traceId, spanId, parentSpanId, name, startTimeUnixNano, endTimeUnixNano, attributes }) => ({
          traceId,
          spanId,
          ...(parentSpanId === undefined || parentSpanId === "" ? {} : { parentSpanId }),
          name,
          service,
          startMs: toMs(startTimeUnixNano),
          endMs: toMs(endTimeUnixNano),
          attributes: toValues(attributes),
        }),
      ),
    );
  });
}

const toMs = (nanoseconds: string): number => Number(BigInt(nanoseconds) / 1_000n) / 1_000;

const toValues = (attributes: WireAttributes): Record<string, string | number | boolean> =>
  Object.fromEntries(
    attributes.map(({ key, value }) => [
      key,
      value.stringValue ?? value.boolValue ?? value.doubleValue ?? Number(value.intValue),
    ]),
  );
