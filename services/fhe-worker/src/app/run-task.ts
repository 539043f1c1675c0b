import { digestOfBytes, type ObjectRef } from "@cos/protocol";
import { needOrder } from "../domain/need-order.ts";
import { readSpec } from "../domain/read-spec.ts";
import { taskFailure } from "../domain/task-failure.ts";
import type { ByteBudget } from "./byte-budget.ts";
import { keepLease } from "./keep-lease.ts";
import {
  type Attest,
  type Evaluate,
  LeaseLost,
  type QueuedTask,
  type TaskApi,
  type TaskLease,
  TransferFailed,
  type Transfers,
} from "./ports.ts";
import { readAhead } from "./read-ahead.ts";

/** How a delivered task ended. `LATER`: hand it on, another worker must do it. */
export type TaskOutcome =
  | {
      readonly kind: "COMPLETED";
      readonly bytesRead: number;
      readonly computeSeconds: number;
      readonly output: ObjectRef;
    }
  | { readonly kind: "FAILED"; readonly code: string; readonly retryable: boolean }
  | { readonly kind: "DONE" | "NOT_WANTED" | "LATER" | "LEASE_LOST" };

export interface RunTaskParts {
  readonly tasks: TaskApi;
  readonly transfers: Transfers;
  readonly evaluate: Evaluate;
  readonly attest: Attest;
  /** Input bytes that the worker's tasks may hold in advance, together. */
  readonly budget: ByteBudget;
  /** Between heartbeats; a revoked job's task stops within this and the answer's round trip. */
  readonly heartbeatMs: number;
  /** Milliseconds of a clock that never goes back. */
  readonly elapsedMs: () => number;
}

/**
 * Runs one delivery of a task from lease to completion. Repeating it is safe: a task that is done or taken is left alone,
 * outputs are stored under their digest, and the completion counts once per replica.
 *
 * @param stop aborts when this worker must let go at once; the lease then runs out by itself
 */
export async function runTask(
  task: QueuedTask,
  parts: RunTaskParts,
  stop: AbortSignal,
): Promise<TaskOutcome> {
  const begun = await parts.tasks.begin(task);
  if (begun.decision !== "RUN") return { kind: begun.decision };
  const { lease } = begun;
  const kept = keepLease(task, lease.fence, parts);
  try {
    return await runLeased(task, lease, parts, AbortSignal.any([stop, kept.over]));
  } catch (error) {
    if (error instanceof LeaseLost || kept.over.aborted) return { kind: "LEASE_LOST" };
    if (stop.aborted) throw error;
    return giveUp(task, lease, parts, error instanceof TransferFailed ? error.code : "WORKER_FAULT");
  } finally {
    kept.end();
  }
}

async function runLeased(
  task: QueuedTask,
  lease: TaskLease,
  parts: RunTaskParts,
  signal: AbortSignal,
): Promise<TaskOutcome> {
  const spec = readSpec(lease.taskJson, task.taskId);
  if (!spec.ok) return giveUp(task, lease, parts, spec.error.code);
  const urls = new Map(lease.inputs.map(({ digest, url }) => [digest, url]));
  let bytesRead = 0;
  let started: number | undefined;
  const fetch = async (ref: ObjectRef) => {
    const url = urls.get(ref.digest);
    if (url === undefined) throw new TransferFailed("INPUT_UNREACHABLE", "the lease names no such input");
    const bytes = await parts.transfers.read(url, ref.sizeBytes, signal);
    bytesRead += bytes.length;
    return bytes;
  };
  const inputs = lease.inputs.map(({ digest, sizeBytes }) => ({ digest, sizeBytes }));
  const ahead = readAhead(needOrder(spec.value, inputs), fetch, parts.budget, signal);
  const read = (ref: ObjectRef) => {
    started ??= parts.elapsedMs(); // the task has its thread now
    return ahead.read(ref);
  };
  const result = await parts.evaluate(spec.value, inputs, read, signal).finally(ahead.end);
  const computeSeconds = started === undefined ? 0 : (parts.elapsedMs() - started) / 1000;
  signal.throwIfAborted();
  if (!result.ok) return giveUp(task, lease, parts, result.error.code);

  const output = { digest: digestOfBytes(result.value), sizeBytes: result.value.length };
  const url = await parts.tasks.presignOutput(task, lease.fence, output);
  if (url !== undefined) await parts.transfers.write(url, result.value, signal);
  const signature = await parts.attest(lease.permitId, task.taskId, output.digest);
  await parts.tasks.complete(task, lease.fence, { output, signature, bytesRead, computeSeconds });
  return { kind: "COMPLETED", bytesRead, computeSeconds, output };
}

async function giveUp(
  task: QueuedTask,
  lease: TaskLease,
  { tasks }: RunTaskParts,
  code: string,
): Promise<TaskOutcome> {
  const failure = taskFailure(code);
  try {
    await tasks.fail(task, lease.fence, failure);
  } catch (error) {
    if (error instanceof LeaseLost) return { kind: "LEASE_LOST" };
    throw error;
  }
  return { kind: "FAILED", ...failure };
}
