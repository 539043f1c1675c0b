import { createHash } from "node:crypto";
import { beforeAll, expect, it } from "vitest";
import { patience } from "./support/patience.ts";
import type { ExportedSpan } from "./trace/read-spans.ts";
import { runTracedJob, settledSpan } from "./trace/run-traced-job.ts";

const services = ["access", "fhe-worker", "gateway", "orchestrator", "settlement"];

let jobId: string;
let trace: ExportedSpan[];
let others: ExportedSpan[];
beforeAll(async () => {
  const run = await runTracedJob();
  jobId = run.jobId;
  // The trace's id follows from the permit's: worked out here once more.
  const digest = createHash("sha256")
    .update("cos-trace")
    .update(Buffer.from(jobId.slice(2), "hex"))
    .digest("hex");
  trace = run.spans.filter(({ traceId }) => traceId === digest.slice(0, 32));
  others = run.spans.filter(({ traceId }) => traceId !== digest.slice(0, 32));
}, patience);

const named = (name: string, service?: string) =>
  trace.filter((span) => span.name === name && (service === undefined || span.service === service));

it("traces one job through all five services, from the permit's block to the settled block", () => {
  expect([...new Set(trace.map(({ service }) => service))].sort()).toEqual(services);
  const [root, ...moreRoots] = trace.filter(({ parentSpanId }) => parentSpanId === undefined);
  expect(moreRoots).toEqual([]);
  expect(root).toMatchObject({ service: "access", name: "chain jobPermitIssued" });
  const settled = named(settledSpan, "access");
  expect(settled).toHaveLength(1);
  expect(settled[0]?.endMs).toBeGreaterThanOrEqual(
    Math.max(...named("chain jobPermitIssued", "access").map(({ endMs }) => endMs)),
  );
  expect(settled[0]?.attributes["cos.block_number"]).toBeGreaterThan(
    Number(root?.attributes["cos.block_number"]),
  );
});

it("has no broken link: every span's parent is in the trace", () => {
  const ids = new Set(trace.map(({ spanId }) => spanId));
  expect(ids.size).toBe(trace.length);
  const broken = trace.filter(({ parentSpanId }) => parentSpanId !== undefined && !ids.has(parentSpanId));
  expect(broken.map(({ service, name }) => `${service}: ${name}`)).toEqual([]);
});

it("hangs each task below the message that queued it, and each call below the task", () => {
  const byId = new Map(trace.map((span) => [span.spanId, span]));
  const parentOf = (span: ExportedSpan | undefined) => byId.get(span?.parentSpanId ?? "");
  const runs = named("task run", "fhe-worker").filter(
    ({ attributes }) => attributes["cos.outcome"] === "COMPLETED",
  );
  expect(runs.length).toBeGreaterThanOrEqual(4); // two replicas of at least one map task and the reduce task
  for (const run of runs) {
    const delivery = parentOf(run);
    expect(delivery?.name).toMatch(/^fhe-worker\.\w+ handle$/);
    const queued = parentOf(delivery);
    expect(queued).toMatchObject({ service: "orchestrator", name: "task queued" });
    expect(queued?.attributes["cos.task_id"]).toBe(run.attributes["cos.task_id"]);
    const below = trace.filter(({ parentSpanId }) => parentSpanId === run.spanId).map(({ name }) => name);
    expect(below).toEqual(
      expect.arrayContaining([
        "cos.compute.v1.TaskService/BeginTask",
        "task read",
        "task evaluate",
        "cos.compute.v1.TaskService/CompleteTask",
      ]),
    );
  }
  for (const served of named("cos.compute.v1.TaskService/CompleteTask", "orchestrator")) {
    expect(parentOf(served)).toMatchObject({ service: "fhe-worker", name: served.name });
  }
});

it("shows the operator's transaction between the result and its block", () => {
  const [posted] = named("chain jobResultPosted confirmed", "access");
  const sent = named("transaction postResult", "settlement");
  expect(sent.length).toBeGreaterThan(0);
  const [finish] = named("job finish", "orchestrator");
  expect(finish).toBeDefined();
  const firstSent = Math.min(...sent.map(({ startMs }) => startMs));
  expect(firstSent).toBeGreaterThanOrEqual(finish?.startMs ?? Number.POSITIVE_INFINITY);
  expect(posted?.endMs).toBeGreaterThan(firstSent);
});

it("breaks no link in the traces of other calls either", () => {
  const ids = new Set(others.map(({ spanId }) => spanId));
  const broken = others.filter(({ parentSpanId }) => parentSpanId !== undefined && !ids.has(parentSpanId));
  expect(broken.map(({ service, name }) => `${service}: ${name}`)).toEqual([]);
});
