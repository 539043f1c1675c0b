import { ROOT_CONTEXT, TraceFlags, trace } from "@opentelemetry/api";
import { expect, it } from "vitest";
import { inJobTrace, jobTraceOf } from "./job-trace.ts";

const permitId = `0x${"00".repeat(31)}01`;

it("follows from the permit's id alone", () => {
  // printf 'cos-trace' + 31 zero bytes + 01 | sha256sum
  expect(jobTraceOf(permitId)).toEqual({
    traceId: "6d044d3517c6bd1462b6ceab14e0a258",
    rootSpanId: "76a013704d442435",
  });
  expect(jobTraceOf(permitId.slice(2))).toEqual(jobTraceOf(permitId));
});

it("stays below the active span where that lies in the job's trace, and below the root otherwise", () => {
  const { traceId, rootSpanId: spanId } = jobTraceOf(permitId);
  const root = { traceId, spanId, traceFlags: TraceFlags.SAMPLED };
  const inside = trace.setSpanContext(ROOT_CONTEXT, { ...root, spanId: "aa".repeat(8) });
  const elsewhere = trace.setSpanContext(ROOT_CONTEXT, { ...root, traceId: "bb".repeat(16) });
  expect(trace.getSpanContext(inJobTrace(inside, root))?.spanId).toBe("aa".repeat(8));
  expect(trace.getSpanContext(inJobTrace(elsewhere, root))).toEqual(root);
  expect(trace.getSpanContext(inJobTrace(ROOT_CONTEXT, root))).toEqual(root);
});
