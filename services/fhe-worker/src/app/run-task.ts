import { type ByteSpan, EvaluationFailed, needOrder } from "@cos/programs";
import { digestOfPieces, type ObjectRef } from "@cos/protocol";
import { readSpec } from "../domain/read-spec.ts";
import { isReducedInParts } from "../domain/reduced-in-parts.ts";
import { taskFailure } from "../domain/task-failure.ts";
import type { ByteBudget } from "./byte-budget.ts";
import { type Drain, watchDrain } from "./drain.ts";
import { keepLease } from "./keep-lease.ts";
import {
  type Attest,
  type Evaluate,
  LeaseLost,
  type Output,
  type QueuedTask,
  type TaskApi,
  type TaskLease,
  TransferFailed,
  type Transfers,
} from "./ports.ts";
import { readAhead } from "./read-ahead.ts";

/** How a delivered task ended. `LATER`: another worker must do it; `RELEASED`: handed back because this one ends. */
export type TaskOutcome =
  | {
      readonly kind: "COMPLETED";
      readonly bytesRead: number;
      readonly computeSeconds: number;
      readonly output: ObjectRef;
    }
  | { readonly kind: "FAILED"; readonly code: string; readonly retryable: boolean }
  | { readonly kind: "REFUSED"; readonly code: string }
  | { readonly kind: "DONE" | "NOT_WANTED" | "LATER" | "LEASE_LOST" | "RELEASED" };

export interface RunTaskParts {
  readonly tasks: TaskApi;
  readonly transfers: Transfers;
  readonly evaluate: Evaluate;
  readonly attest: Attest;
  /** Input bytes that the worker's tasks may hold in advance, together. */
  readonly budget: ByteBudget;
  /** Bytes of partial results that a reduce task keeps in memory; it reduces more than that in parts. */
  readonly keepBytes: number;
  /** Between heartbeats, which also bounds how late a worker hears of a revocation that it was not told of at once. */
  readonly heartbeatMs: number;
  /** Milliseconds of a clock that never goes back. */
  readonly elapsedMs: () => number;
  readonly drain: Drain;
}

/**
 * Runs one delivery of a task from lease to completion. Repeating it is safe: a task that is done or taken is left alone,
 * outputs are stored under their digest, and the completion counts once per replica.
 *
 * What runs is a matter of the lease alone: a worker that joins or leaves moves partitions about, and that must not throw
 * away what is being computed. Whoever gets the message meanwhile is told that the task is taken.
 */
export async function runTask(task: QueuedTask, parts: RunTaskParts): Promise<TaskOutcome> {
  const begun = await parts.tasks.begin(task);
  if (begun.decision === "REFUSED") return { kind: "REFUSED", code: begun.code };
  if (begun.decision !== "RUN") return { kind: begun.decision };
  const { lease } = begun;
  const kept = keepLease(task, lease.fence, parts);
  const timing: Timing = { computesSince: undefined };
  const drain = watchDrain(parts.drain, () => timing.computesSince !== undefined);
  try {
    return await runLeased(task, lease, parts, timing, AbortSignal.any([drain.handBack, kept.over]));
  } catch (error) {
    if (error instanceof LeaseLost || kept.over.aborted) return { kind: "LEASE_LOST" };
    if (drain.handBack.aborted) return await release(task, lease, parts);
    return await giveUp(task, lease, parts, codeOf(error));
  } finally {
    kept.end();
    drain.end();
  }
}

function codeOf(error: unknown): string {
  if (error instanceof TransferFailed) return error.code;
  return error instanceof EvaluationFailed ? error.error.code : "WORKER_FAULT";
}

/** When the task got its thread; `undefined` while its inputs are fetched ahead. */
type Timing = { computesSince: number | undefined };

async function runLeased(
  task: QueuedTask,
  lease: TaskLease,
  parts: RunTaskParts,
  timing: Timing,
  signal: AbortSignal,
): Promise<TaskOutcome> {
  signal.throwIfAborted();
  const spec = readSpec(lease.taskJson, task.taskId);
  if (!spec.ok) return giveUp(task, lease, parts, spec.error.code);
  const urls = new Map(lease.inputs.map(({ digest, url }) => [digest, url]));
  let bytesRead = 0;
  const fetch = async (ref: ObjectRef, span?: ByteSpan) => {
    const url = urls.get(ref.digest);
    if (url === undefined) throw new TransferFailed("INPUT_UNREACHABLE", "the lease names no such input");
    const bytes = await parts.transfers.read(url, ref.sizeBytes, signal, span);
    bytesRead += bytes.length;
    return bytes;
  };
  const inputs = lease.inputs.map(({ digest, sizeBytes }) => ({ digest, sizeBytes }));
  const inParts = isReducedInParts(spec.value, inputs, parts.keepBytes);
  const ahead = readAhead(
    inParts ? [] : needOrder(spec.value, inputs), // what is read in parts is read ahead by who needs it
    fetch,
    parts.budget,
    signal,
    parts.transfers.discard,
  );
  const read = (ref: ObjectRef, span?: ByteSpan) => {
    timing.computesSince ??= parts.elapsedMs();
    return span === undefined ? ahead.read(ref) : fetch(ref, span);
  };
  const result = await parts.evaluate(spec.value, inputs, read, { signal, inParts }).finally(ahead.end);
  const { computesSince } = timing;
  const computeSeconds = computesSince === undefined ? 0 : (parts.elapsedMs() - computesSince) / 1000;
  signal.throwIfAborted();
  if (!result.ok) return giveUp(task, lease, parts, result.error.code);

  const output = refOf(result.value);
  const url = await parts.tasks.presignOutput(task, lease.fence, output, signal);
  await store(url, output, result.value, parts.transfers, signal);
  signal.throwIfAborted();
  const signature = await parts.attest(lease.permitId, task.taskId, output.digest);
  await parts.tasks.complete(task, lease.fence, { output, signature, bytesRead, computeSeconds });
  return { kind: "COMPLETED", bytesRead, computeSeconds, output };
}

function refOf(output: Output): ObjectRef {
  if ("ref" in output) return output.ref;
  const sizeBytes = output.reduce((sum, piece) => sum + piece.length, 0);
  return { digest: digestOfPieces(output), sizeBytes };
}

/** Stores an output and gives its memory back. @param url where it goes; undefined when it is there already */
async function store(
  url: string | undefined,
  ref: ObjectRef,
  output: Output,
  transfers: Transfers,
  signal: AbortSignal,
): Promise<void> {
  if ("ref" in output) {
    if (url !== undefined) await transfers.write(url, ref, output.pieces, signal);
    return;
  }
  let isStored = false;
  try {
    if (url !== undefined) await transfers.write(url, ref, output, signal);
    isStored = true;
  } finally {
    for (const buffer of new Set(output.map((piece) => piece.buffer))) {
      // What failed may still be looked at by a socket that is being closed: memory that would be freed is let go instead.
      if (isStored || buffer instanceof SharedArrayBuffer) transfers.discard(buffer);
    }
  }
}

/** Hands a task back. Should nobody hear it, the lease runs out by itself. */
async function release(task: QueuedTask, lease: TaskLease, { tasks }: RunTaskParts): Promise<TaskOutcome> {
  await tasks.release(task, lease.fence).catch(() => {});
  return { kind: "RELEASED" };
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
