import type { CiphertextEntry, Engine } from "@cos/fhe";
import { ciphertextListPieces, findProfile } from "@cos/fhe";
import { joinPieces, ok, type Result } from "@cos/protocol";
import { compareEntries, type TaskSpec } from "../plan/plan.ts";
import type { EvaluateError, EvaluateOptions, ReadObject } from "./evaluate-error.ts";
import { Evaluation } from "./evaluation.ts";

/** Runs one evaluation task. Its output is a function of the task and its inputs, byte for byte. */
export async function evaluateTask(
  engine: Engine,
  spec: TaskSpec,
  read: ReadObject,
  options: EvaluateOptions = {},
): Promise<Result<Uint8Array, EvaluateError>> {
  const entries = await evaluateEntries(engine, spec, read, options);
  return entries.ok ? ok(toOutput(spec, entries.value)) : entries;
}

/** A task's output from its entries, put into their canonical order. */
export const toOutput = (spec: TaskSpec, entries: readonly CiphertextEntry[]): Uint8Array<ArrayBuffer> =>
  joinPieces(toOutputPieces(spec, entries));

/** The same in pieces that follow one another; the ciphertexts are not copied. */
export function toOutputPieces(
  spec: TaskSpec,
  entries: readonly CiphertextEntry[],
): Uint8Array<ArrayBuffer>[] {
  return ciphertextListPieces(
    { planDigest: spec.planDigest, taskId: spec.taskId, contexts: spec.contexts },
    [...entries].sort(compareEntries),
  );
}

/**
 * The sums of one evaluation task. Memory: one block, the expanded weights of one row block, and the open sums.
 * Row blocks are the outer loop, so that a weight is expanded once for all variant blocks.
 */
export async function evaluateEntries(
  engine: Engine,
  spec: TaskSpec,
  read: ReadObject,
  options: EvaluateOptions = {},
): Promise<Result<CiphertextEntry[], EvaluateError>> {
  if (spec.task.kind !== "evaluate") throw new TypeError("not an evaluation task");
  const { task } = spec;
  const profileName = spec.contexts[task.context]?.profile ?? "";
  const profile = findProfile(profileName);
  if (!profile.ok) return profile;
  const evaluation = new Evaluation(engine.evaluator(profile.value), spec, task, read, options);
  try {
    return await evaluation.run();
  } finally {
    evaluation.free();
  }
}
