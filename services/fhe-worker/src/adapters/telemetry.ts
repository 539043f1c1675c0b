import { AsyncLocalStorage } from "node:async_hooks";
import { type Telemetry, untraced } from "@cos/telemetry";
import type { Evaluate, QueuedTask, TaskApi, Transfers } from "../app/ports.ts";
import type { TaskOutcome } from "../app/run-task.ts";

/** What a task has read so far. Blocks are many: they are one span together. Times in Unix milliseconds. */
type Reads = { blocks: number; bytes: number; firstMs: number; lastMs: number };

const readsOfTask = new AsyncLocalStorage<Reads>();

/** Runs a delivered task as a span below the one that queued it, and counts how it ended. */
export async function observedTask(
  telemetry: Telemetry,
  { taskId, jobId }: Pick<QueuedTask, "taskId" | "jobId">,
  run: () => Promise<TaskOutcome>,
): Promise<TaskOutcome> {
  const { metrics } = telemetry;
  const began = performance.now();
  const reads: Reads = { blocks: 0, bytes: 0, firstMs: 0, lastMs: 0 };
  const attributes = { "cos.task_id": taskId };
  return telemetry.jobSpan(jobId, "task run", { attributes }, async (span) => {
    const outcome = await readsOfTask.run(reads, run);
    span.setAttribute("cos.outcome", outcome.kind);
    if (outcome.kind === "FAILED") span.setAttribute("cos.code", outcome.code);
    if (outcome.kind === "COMPLETED") {
      span.setAttribute("cos.compute_seconds", outcome.computeSeconds);
      metrics.count("workerComputeSeconds", {}, outcome.computeSeconds);
    }
    if (reads.blocks > 0) noteReads(telemetry, jobId, reads);
    metrics.observe("taskSeconds", { outcome: outcome.kind }, (performance.now() - began) / 1000);
    return outcome;
  });
}

/** The reads lie below the task's span, from the first one's beginning to the last one's end. */
function noteReads(telemetry: Telemetry, jobId: string, { blocks, bytes, firstMs, lastMs }: Reads): void {
  const attributes = { "cos.count": blocks, "cos.size_bytes": bytes };
  telemetry.noteJobSpan(jobId, "task read", { startMs: firstMs, endMs: lastMs }, attributes);
  telemetry.metrics.observe("taskStageSeconds", { stage: "read" }, (lastMs - firstMs) / 1000);
}

/** Counts ciphertext in and out; a write is a span of the task. */
export const observedTransfers = (telemetry: Telemetry, transfers: Transfers): Transfers => ({
  read: async (url, sizeBytes, signal, span) => {
    const startMs = Date.now();
    const bytes = await transfers.read(url, sizeBytes, signal, span);
    telemetry.metrics.count("workerReadBytes", {}, bytes.length);
    const reads = readsOfTask.getStore();
    if (reads !== undefined) {
      reads.firstMs = reads.blocks === 0 ? startMs : Math.min(reads.firstMs, startMs);
      reads.lastMs = Math.max(reads.lastMs, Date.now());
      reads.blocks += 1;
      reads.bytes += bytes.length;
    }
    return bytes;
  },
  discard: transfers.discard,
  write: (url, output, bytes, signal) =>
    timed(telemetry, "write", { "cos.size_bytes": output.sizeBytes }, async () => {
      await transfers.write(url, output, bytes, signal);
      telemetry.metrics.count("workerWrittenBytes", {}, output.sizeBytes);
    }),
});

/** Times evaluations, waiting for a thread and for blocks included. */
export const observedEvaluate =
  (telemetry: Telemetry, evaluate: Evaluate): Evaluate =>
  (spec, inputs, read, how) =>
    timed(telemetry, "evaluate", { "cos.operation": spec.task.kind }, () =>
      evaluate(spec, inputs, read, how),
    );

/** Heartbeats go on as long as a task runs: they stay out of its trace. */
export const quietHeartbeats = (tasks: TaskApi): TaskApi => ({
  ...tasks,
  heartbeat: (...beat) => untraced(() => tasks.heartbeat(...beat)),
});

async function timed<T>(
  telemetry: Telemetry,
  stage: "evaluate" | "write",
  attributes: { "cos.size_bytes": number } | { "cos.operation": string },
  work: () => Promise<T>,
): Promise<T> {
  const began = performance.now();
  const result = await telemetry.span(`task ${stage}`, { attributes }, work);
  telemetry.metrics.observe("taskStageSeconds", { stage }, (performance.now() - began) / 1000);
  return result;
}

/** Reads what the worker has in hand at each scrape. */
export function watchWorker(
  { metrics }: Telemetry,
  state: { readonly running: number; readonly draining: boolean },
): void {
  metrics.count("workerReadBytes", {}, 0);
  metrics.count("workerWrittenBytes", {}, 0);
  metrics.count("workerComputeSeconds", {}, 0);
  metrics.collect("worker", (set) => {
    set("workerTasksRunning", {}, state.running);
    set("workerDraining", {}, state.draining ? 1 : 0);
  });
}
