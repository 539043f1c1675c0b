import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { drawTrace } from "./draw-trace.ts";
import { runTracedJob } from "./run-traced-job.ts";

/**
 * Runs one job and writes its trace: `docs/trace-example.json` (its spans, times in milliseconds from the permit's block)
 * and `docs/trace-example.svg` (the same as a waterfall).
 */
const docs = new URL("../../docs/", import.meta.url);
const { jobId, spans } = await runTracedJob();
const { traceId } = spans.find(({ name }) => name === "chain jobPermitIssued") ?? { traceId: "" };
const trace = spans.filter((span) => span.traceId === traceId);
const startMs = Math.min(...trace.map((span) => span.startMs));
const endMs = Math.max(...trace.map((span) => span.endMs));
const round = (ms: number): number => Math.round(ms * 1_000) / 1_000;

const example = {
  about:
    "One job on the embedded platform, as its services exported it: from the block that issued its permit to the block that settled it. Made by `npm run trace:example`.",
  jobId,
  traceId,
  durationMs: round(endMs - startMs),
  services: [...new Set(trace.map(({ service }) => service))].sort(),
  spans: trace.map(({ spanId, parentSpanId, service, name, attributes, ...times }) => ({
    spanId,
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    service,
    name,
    startMs: round(times.startMs - startMs),
    durationMs: round(times.endMs - times.startMs),
    attributes,
  })),
};
const title = `One job, from its permit's block to the settled block: ${trace.length} spans of ${example.services.length} services`;
await writeFile(new URL("trace-example.json", docs), `${JSON.stringify(example, null, 1)}\n`);
await writeFile(new URL("trace-example.svg", docs), drawTrace(trace, title));
console.log(
  `${trace.length} spans of ${example.services.join(", ")} in ${fileURLToPath(docs)}trace-example.{json,svg}`,
);
