import type { CiphertextEntry, Engine } from "@cos/fhe";
import { ciphertextListPieces, findProfile } from "@cos/fhe/evaluation";
import type { Result } from "@cos/protocol";
import { compareEntries, type TaskSpec } from "../plan/plan.ts";
import type { EvaluateError, EvaluateOptions, ReadObject } from "./evaluate-error.ts";
import { Evaluation } from "./evaluation.ts";

/** A task's output from its entries, in their canonical order: pieces that follow one another, ciphertexts not copied. */
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
 * The sums of one evaluation task: a function of the task and its inputs, byte for byte. Memory: one block, the expanded
 * weights of one row block, and the open sums. Row blocks are the outer loop, so that a weight is expanded once for all
 * variant blocks.
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
