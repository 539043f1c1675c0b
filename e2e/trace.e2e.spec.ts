import { createHash } from "node:crypto";
import { metrics } from "@cos/telemetry";
import { beforeAll, expect, it } from "vitest";
import { patience } from "./support/patience.ts";
import type { ExportedSpan } from "./trace/read-spans.ts";
import { runTracedJob, settledSpan } from "./trace/run-traced-job.ts";

const services = ["access", "fhe-worker", "gateway", "orchestrator", "settlement"];

let jobId: string;
let trace: ExportedSpan[];
let others: ExportedSpan[];
let metricTexts: ReadonlyMap<string, string>;
beforeAll(async () => {
  const run = await runTracedJob();
  jobId = run.jobId;
  metricTexts = run.metrics;
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

/** The sum of a metric's series over all services, of those with these labels. */
function figure(name: string, labels = ""): number {
  const lines = [...metricTexts.values()].flatMap((text) => text.split("\n"));
  const series = lines.filter((line) => line.startsWith(`${name}{`) && line.includes(labels));
  expect(series, `${name} ${labels}`).not.toEqual([]);
  return series.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}

it("counts the same job in every service's metrics", () => {
  const queued = named("task queued").length;
  expect(figure("cos_tasks_published_total")).toBe(queued);
  expect(figure("cos_task_duration_seconds_count", 'outcome="COMPLETED"')).toBe(
    named("task run").filter(({ attributes }) => attributes["cos.outcome"] === "COMPLETED").length,
  );
  const readBytes = named("task read").map(({ attributes }) => Number(attributes["cos.size_bytes"]));
  expect(figure("cos_worker_read_bytes_total")).toBe(readBytes.reduce((sum, bytes) => sum + bytes, 0));
  expect(figure("cos_worker_compute_seconds_total")).toBeGreaterThan(0);
  expect(figure("cos_job_transitions_total", 'state="SETTLED"')).toBe(1);
  expect(figure("cos_job_latency_seconds_count", 'state="COMMITTED"')).toBe(1);
  expect(figure("cos_transaction_intent_changes_total", 'change="sent"')).toBeGreaterThanOrEqual(2);
  expect(figure("cos_transaction_oldest_unmined_age_seconds")).toBe(0);
  expect(figure("cos_signer_balance_wei", 'role="settler"')).toBeGreaterThanOrEqual(0);
  expect(figure("cos_tickets_redeemed_total")).toBeGreaterThan(0);
  expect(figure("cos_gateway_transferred_bytes_total", 'direction="out"')).toBeGreaterThan(1_000);
  expect(figure("cos_mirror_lag_blocks")).toBe(0);
  expect(figure("cos_mirror_halted_bool")).toBe(0);
  expect(figure("cos_task_queue_lag_messages", 'region="local"')).toBe(0);
  expect(figure("cos_outbox_unsent_messages")).toBe(0);
  expect(figure("cos_serving_bool")).toBe(6); // five services, two workers among them
});

it("exports only declared metrics, names no identifier, and fails to read none", () => {
  const declared = new Set<string>(Object.values(metrics).map(({ name }) => name));
  for (const [service, text] of metricTexts) {
    for (const line of text.split("\n").filter((each) => each.startsWith("# TYPE "))) {
      expect(declared, service).toContain(line.split(" ")[2]);
    }
    expect(text).not.toMatch(/0x[0-9a-fA-F]{16}|[0-9a-f]{32}/);
    expect(text).not.toContain("cos_metric_collection_failures_total");
  }
  expect(metricTexts.size).toBe(6);
});
